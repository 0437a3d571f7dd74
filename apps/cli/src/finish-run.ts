import type { Plan, RunEvaluation, RunResult } from '@sinter/engine'
import type { Model } from '@sinter/model'
import { withBackend } from './backend.ts'
import type { Progress } from './terminal/progress.ts'

/** What came after a run. */
export interface Outcome {
  readonly evaluation?: RunEvaluation
  /** Paths. */
  readonly report?: { readonly json: string; readonly html: string }
}

export interface FinishOptions {
  /** Write it beside the result. */
  readonly report: boolean
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Measures the result when the recipe names a text for that, and writes the report. */
export async function finishRun(plan: Plan, result: RunResult, options: FinishOptions): Promise<Outcome> {
  const measured = plan.recipe.evaluate?.text !== undefined
  if (!measured && !options.report) return {}
  const { openModel } = await import('@sinter/model')
  const model = await openModel(plan.model.path)
  try {
    const evaluation = measured ? await measure(model, plan, result, options) : undefined
    const found = evaluation && { evaluation }
    if (!options.report) return { ...found }
    const { buildReport, writeReport } = await import('@sinter/engine')
    const report = await writeReport(await buildReport({ model, plan, result, evaluation }), result.path)
    return { ...found, report }
  } finally {
    await model.close()
  }
}

async function measure(
  model: Model,
  { recipe, threads }: Plan,
  { path }: RunResult,
  { signal, progress }: FinishOptions,
): Promise<RunEvaluation> {
  const { evaluateRun } = await import('@sinter/engine')
  try {
    return await withBackend({ backend: 'onnx', threads }, backend =>
      evaluateRun(model, path, recipe.evaluate!, {
        backend,
        signal,
        onProgress: ({ stage, done, total }) => progress.update(`evaluate ${stage}`, done, total, 'tokens'),
      }),
    )
  } finally {
    progress.end()
  }
}
