import type { RunStatus } from '../../shared/run-status.ts'
import { type LogEvent, openEventLog } from './event-log.ts'
import { writeStatus } from './status-file.ts'

/** Tells the world how a run is. */
export interface Reporter {
  event(event: LogEvent): void
  /** Changes the status; it is on the disk when the promise is kept. */
  update(change: Partial<RunStatus>): Promise<void>
  /** No more signs of life. */
  close(): Promise<void>
}

const HEARTBEAT_MS = 1000

/** @param first the status from which it goes on */
export function openReporter(folder: string, first: RunStatus, onHeartbeat: () => void): Reporter {
  const log = openEventLog(folder)
  let status = first
  let writing: Promise<void> = Promise.resolve()
  const update = (change: Partial<RunStatus>): Promise<void> => {
    status = { ...status, ...change, heartbeatAt: Date.now() }
    const now = status
    writing = writing.then(() => writeStatus(folder, now))
    return writing
  }
  const beat = setInterval(() => {
    onHeartbeat()
    update({}).catch(() => {})
  }, HEARTBEAT_MS)
  return {
    event(event) {
      log(event)
      if (event.type !== 'progress') return
      const { stage, done, total, unit } = event
      // The next heartbeat writes it.
      status = { ...status, progress: { stage, done, total, unit } }
    },
    update,
    async close() {
      clearInterval(beat)
      await writing
    },
  }
}
