import { openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { evaluateRun, type RunEvaluation } from './evaluate-run.ts'
import type { Plan } from './plan/plan.ts'
import { buildReport, writeReport } from './report/build-report.ts'
import type { RunResult } from './run/events.ts'

/** What came after a run. */
export interface Outcome {
  readonly evaluation?: RunEvaluation
  /** Paths. */
  readonly report?: { readonly json: string; readonly html: string }
}

export interface FinishRunOptions {
  /** Write it beside the result. */
  readonly report: boolean
  readonly signal?: AbortSignal | undefined
  /** Tokens of an evaluation that are done. */
  readonly onProgress?: ((progress: { stage: string; done: number; total: number }) => void) | undefined
}

/**
 * Measures the result when the recipe names a text for that, and writes the report.
 * @throws SinterError `tokenizer` or `evaluation`, as `evaluateRun` does
 */
export async function finishRun(plan: Plan, result: RunResult, options: FinishRunOptions): Promise<Outcome> {
  const measured = plan.recipe.evaluate?.text !== undefined
  if (!measured && !options.report) return {}
  const model = await openModel(plan.model.path)
  try {
    const backend = measured ? ortNodeBackend({ threads: plan.threads }) : undefined
    const { signal, onProgress } = options
    const evaluation = backend
      ? await evaluateRun(model, result.path, plan.recipe.evaluate!, { backend, signal, onProgress }).finally(() =>
          backend.close(),
        )
      : undefined
    const found = evaluation && { evaluation }
    if (!options.report) return { ...found }
    const report = await writeReport(await buildReport({ model, plan, result, evaluation }), result.path)
    return { ...found, report }
  } finally {
    await model.close()
  }
}
