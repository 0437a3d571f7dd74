import { appendFileSync, closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '@sinter/engine'
import { runFiles } from '../../runs/run-folder.ts'

/** What is in the log beside the engine's events. */
export type LogEvent =
  | Exclude<RunEvent, { type: 'done' }>
  | { readonly type: 'queued'; readonly ahead: number }
  | { readonly type: 'attempt'; readonly attempt: number; readonly pid: number }
  | { readonly type: 'written'; readonly path: string; readonly outputBytes: number }
  | { readonly type: 'ended'; readonly state: 'done' | 'cancelled' | 'failed'; readonly message?: string }

/** People see no more than some steps a second, and the log is kept. */
const PROGRESS_MS = 250

/** Appends to a run's events, each with the time. Written at once: a killed process loses none. */
export function openEventLog(folder: string): (event: LogEvent) => void {
  const path = join(folder, runFiles.events)
  if (endsInside(path)) appendFileSync(path, '\n')
  let stage = ''
  let shown = 0
  return event => {
    const at = Date.now()
    if (event.type === 'progress') {
      if (event.stage === stage && event.done < event.total && at - shown < PROGRESS_MS) return
      stage = event.stage
      shown = at
    }
    appendFileSync(path, `${JSON.stringify({ at, ...event })}\n`)
  }
}

/** Whether a killed process left a part of a line. */
function endsInside(path: string): boolean {
  if (!existsSync(path)) return false
  const { size } = statSync(path)
  if (size === 0) return false
  const last = Buffer.alloc(1)
  const file = openSync(path, 'r')
  readSync(file, last, 0, 1, size - 1)
  closeSync(file)
  return last[0] !== 10
}
