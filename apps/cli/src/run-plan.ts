import type { Plan, RunEvent, RunResult } from '@sinter/engine'
import type { Progress } from './terminal/progress.ts'

export interface RunPlanOptions {
  /** Folder or file to make. */
  readonly out: string
  readonly resume?: boolean
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Obeys a plan and shows how far it is. */
export async function runPlan(
  plan: Plan,
  { out, resume = false, signal, progress }: RunPlanOptions,
): Promise<RunResult> {
  const { compress } = await import('@sinter/engine')
  const events = compress(plan, { out, resume, signal })
  try {
    while (true) {
      const { done, value } = await events.next()
      if (done) return value
      show(value, progress)
    }
  } finally {
    progress.end()
  }
}

function show(event: RunEvent, progress: Progress): void {
  if (event.type === 'progress') progress.update(event.stage, event.done, event.total, event.unit)
  if (event.type === 'started' && event.resumedAt > 0)
    progress.note(`going on after block ${event.resumedAt} of ${event.blocks}`)
}
