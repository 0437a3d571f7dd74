import { basename, resolve } from 'node:path'
import type { Model } from '@sinter/model'
import type { TrainResult } from '../train/events.ts'
import type { TrainRecipe } from '../train/train-recipe.ts'
import { machine, tool } from './origin.ts'
import type { ReportGeneration } from './report.ts'
import { trainCurve } from './train-curve.ts'
import type { TrainReport } from './train-report.ts'
import { type ReportPaths, writeReportFiles } from './write-files.ts'

export interface TrainReportParts {
  /** The original. */
  readonly model: Model
  readonly recipe: TrainRecipe
  readonly result: TrainResult
  readonly threads: number
  /** The same prompts continued before and after. */
  readonly generations?: readonly ReportGeneration[]
}

/** All that is known of a finished training, as JSON. */
export async function buildTrainReport(parts: TrainReportParts): Promise<TrainReport> {
  const { model, recipe, result, threads, generations = [] } = parts
  const { path, parameters, trained, data, steps, tokens, seconds, history } = result
  return {
    version: 1,
    tool: await tool(),
    date: new Date().toISOString(),
    model: { name: basename(resolve(model.path)), family: model.family.name, params: parameters },
    output: path,
    recipe,
    machine: machine(threads),
    trained,
    data,
    steps,
    tokens,
    seconds,
    curve: trainCurve(history.steps),
    evaluations: history.evaluations,
    generations,
  }
}

/** Writes it beside the result, which is the same bytes at every run while this holds times. */
export const writeTrainReport = (report: TrainReport, out: string): Promise<ReportPaths> =>
  writeReportFiles(out, report, async () => (await import('./train-page.ts')).renderTrainPage(report))
