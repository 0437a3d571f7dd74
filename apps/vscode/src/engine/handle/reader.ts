import type { Handler, RequestContext } from '../handler.ts'
import { createModelReader } from '../model-reader.ts'

/** One for all viewers: a file that two of them show is open once. */
const reader = createModelReader()

const control = ({ signal, progress }: RequestContext, stage: string) => ({
  signal,
  onProgress: (done: number, total: number) => progress(stage, done, total),
})

export const openModel: Handler<'modelOpen'> = ({ path }) => reader.open(path)

export const tensors: Handler<'modelTensors'> = async ({ path, start, count }) => ({
  tensors: await reader.tensors(path, start, count),
})

export const closeModel: Handler<'modelClose'> = async ({ path }) => {
  await reader.close(path)
  return {}
}

export const stats: Handler<'tensorStats'> = ({ path, tensor, options }, context) =>
  reader.stats(path, tensor, options, control(context, 'statistics'))

export const rowGroups: Handler<'rowGroups'> = async ({ path, tensor, row, groupSize }) => ({
  groups: await reader.rowGroups(path, tensor, row, groupSize),
})

export const openComparison: Handler<'comparisonOpen'> = ({ before, after }) => reader.compare(before, after)

export const closeComparison: Handler<'comparisonClose'> = async ({ before, after }) => {
  await reader.endComparison(before, after)
  return {}
}

export const difference: Handler<'tensorDifference'> = ({ before, after, tensor }, context) =>
  reader.difference(before, after, tensor, control(context, 'difference'))
