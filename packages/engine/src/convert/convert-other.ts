import { type Model, modelOf, openCheckpoint } from '@sinter/model'
import { sizeOf, totalBits } from '@sinter/tensor-core'
import type { Format } from '../formats/format.ts'
import type { OutputPlan } from '../plan/plan.ts'
import { formatNamed } from '../registry/formats.ts'
import { originalSource } from '../run/compressed-source.ts'
import type { ConversionRow, Route } from './conversion.ts'

/** To a container that is written from values: the row of the table does it. */
export async function otherRoute(input: string, { container, encoding }: OutputPlan): Promise<Route> {
  const model = await modelOf(await openCheckpoint(input))
  const format = formatNamed(container)
  const names = model.source.names()
  const rows: ConversionRow[] = []
  for (const name of names) rows.push(await rowOf(name, model, format, encoding))
  return {
    rows,
    inputBytes: names.reduce((sum, name) => sum + model.source.info(name).bytes, 0),
    notes: [],
    close: () => model.close(),
    async write({ out, signal, onValues }) {
      const sizes = tensorSizes(model)
      const checkpoint = await openCheckpoint(input)
      try {
        const onProgress = (done: number) => onValues(sizes[done - 1]!, sizes.at(-1)!)
        const job = { input, type: encoding, compressed: new Set<string>(), out, signal, onProgress }
        const notes = await format.write(job, originalSource(model), checkpoint)
        return notes.map(({ note }) => note.message)
      } finally {
        await checkpoint.close()
      }
    },
  }
}

/** A matrix that both sides hold compressed keeps its codes: to know that, it is read. */
async function rowOf(name: string, { source }: Model, format: Format, type: string): Promise<ConversionRow> {
  const info = source.info(name)
  const row = { tensor: name, shape: info.shape, from: info.encoding, weighed: false }
  const weight = format.cannotHold && (await source.weight?.(name))
  const reason = weight && format.cannotHold!(type, weight)
  const held = weight !== undefined && reason === undefined
  const bits = weight && totalBits(weight.bits()) / sizeOf(weight.shape)
  const stored = format.stored(type, info, held, bits)
  return {
    ...row,
    to: held ? info.encoding : stored.type.toUpperCase(),
    bytes: stored.bytes,
    ...(reason !== undefined && { note: `stored as plain numbers, for ${reason}` }),
  }
}

/** Values up to the end of each tensor. */
function tensorSizes({ source }: Model): number[] {
  let total = 0
  return source.names().map(name => (total += sizeOf(source.info(name).shape)))
}
