import type { TrainRecipe, TrainResult } from '@sinter/engine'
import { withBackend } from './backend.ts'
import type { Progress } from './terminal/progress.ts'

/** Paths. */
export interface ReportFiles {
  readonly json: string
  readonly html: string
}

export interface FinishOptions {
  readonly threads: number
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Lets both models continue a text or two, and writes the report. */
export async function finishTraining(
  recipe: TrainRecipe,
  result: TrainResult,
  { threads, signal, progress }: FinishOptions,
): Promise<ReportFiles> {
  const { buildTrainReport, sampleTraining, writeTrainReport } = await import('@sinter/engine')
  const { openModel } = await import('@sinter/model')
  const model = await openModel(recipe.model!)
  try {
    progress.update('samples for the report', 0, result.prompts.length, 'texts')
    const generations = recipe.output.adapterOnly
      ? []
      : await withBackend({ backend: 'onnx', threads }, backend => sampleTraining(model, result, { backend, signal }))
    const report = await buildTrainReport({ model, recipe, result, threads, generations })
    return await writeTrainReport(report, result.path)
  } finally {
    progress.end()
    await model.close()
  }
}
