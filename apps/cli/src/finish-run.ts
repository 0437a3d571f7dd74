import type { Outcome, Plan, RunResult } from '@sinter/engine'
import type { Progress } from './terminal/progress.ts'

export interface FinishOptions {
  /** Write it beside the result. */
  readonly report: boolean
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Measures the result when the recipe names a text for that, writes the report, and shows how far it is. */
export async function finishRun(
  plan: Plan,
  result: RunResult,
  { report, signal, progress }: FinishOptions,
): Promise<Outcome> {
  const engine = await import('@sinter/engine')
  try {
    return await engine.finishRun(plan, result, {
      report,
      signal,
      onProgress: ({ stage, done, total }) => progress.update(`evaluate ${stage}`, done, total, 'tokens'),
    })
  } finally {
    progress.end()
  }
}
