import { type RunLine, readEvents } from '../runs/read-events.ts'
import { isGone, readRun, runIds, statusTime } from '../runs/read-runs.ts'
import { runFolder } from '../runs/run-folder.ts'
import { isOver, type RunStatus } from '../shared/run-status.ts'

export interface Watch {
  close(): void
}

export interface WatchOptions {
  /** Milliseconds between two looks. Default 500. */
  readonly everyMs?: number | undefined
}

export interface WatchRunsOptions extends WatchOptions {
  /** Told of a run whose folder is there no more. */
  readonly onGone?: ((id: string) => void) | undefined
}

/**
 * Tells of every run of a workspace, whoever started it: once at first, and whenever its status has changed. The folders are looked at
 * now and then: watching them by the system is not to be had on every file system, and a look is a few small files.
 */
export function watchRuns(
  workspace: string,
  onRun: (run: RunStatus) => void,
  { onGone, ...options }: WatchRunsOptions = {},
): Watch {
  const known = new Map<string, { readonly time: number; readonly text: string; readonly over: boolean }>()
  return repeat(options, async isClosed => {
    const ids = (await runIds(workspace)).sort()
    for (const id of ids) {
      const time = await statusTime(workspace, id)
      const before = known.get(id)
      // Of one at work the process may be gone, which its status cannot say.
      if (time === undefined || (before?.over && before.time === time)) continue
      const run = await readRun(workspace, id)
      if (isClosed()) return
      if (!run) continue
      const text = JSON.stringify(run)
      known.set(id, { time, text, over: isOver(run) })
      if (before?.text !== text) onRun(run)
    }
    const listed = new Set(ids)
    for (const id of known.keys()) {
      // A list that could not be read is empty: that says nothing of the folders.
      if (listed.has(id) || !(await isGone(workspace, id))) continue
      if (isClosed()) return
      known.delete(id)
      onGone?.(id)
    }
  })
}

export interface WatchEventsOptions extends WatchOptions {
  /** Bytes of the log to pass over: what an earlier watch gave as its last. Default 0. */
  readonly from?: number | undefined
}

/**
 * Hands out the events of a run in order, those of the past first.
 * @param onEvents some of them, and where to go on after them
 */
export function watchEvents(
  workspace: string,
  id: string,
  onEvents: (lines: readonly RunLine[], offset: number) => void,
  { from = 0, ...options }: WatchEventsOptions = {},
): Watch {
  const folder = runFolder(workspace, id)
  let offset = from
  return repeat(options, async isClosed => {
    while (!isClosed()) {
      const read = await readEvents(folder, offset)
      if (read.offset === offset) return
      offset = read.offset
      onEvents(read.lines, offset)
    }
  })
}

function repeat({ everyMs = 500 }: WatchOptions, look: (isClosed: () => boolean) => Promise<void>): Watch {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const again = async (): Promise<void> => {
    await look(() => closed).catch(() => {})
    if (closed) return
    timer = setTimeout(again, everyMs)
    timer.unref()
  }
  void again()
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
