import { join } from 'node:path'

/**
 * Where the runs of a workspace are kept, and what is in the folder of each. The folder is the truth: every window, and whoever
 * looks, reads the same.
 */
export const runsFolder = (workspace: string): string => join(workspace, '.sinter', 'runs')

/** Names of folders and no paths: an id comes from a message. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

export const isRunId = (id: string): boolean => idPattern.test(id)

/** @throws RangeError for what is no id */
export function runFolder(workspace: string, id: string): string {
  if (!isRunId(id)) throw new RangeError(`expected the id of a run, got ${JSON.stringify(id.slice(0, 100))}`)
  return join(runsFolder(workspace), id)
}

/** Files of a run's folder. */
export const runFiles = {
  /** What was asked for, with the recipe as resolved. Never changes. */
  request: 'run.json',
  /** `RunStatus`, replaced as a whole. */
  status: 'status.json',
  /** One JSON object a line; lines are only ever added. */
  events: 'events.ndjson',
  /** What the engine's run gave, once it is complete: the rest can then be made again. */
  result: 'result.json',
  /** Copies of what lies beside the result. */
  reportJson: 'report.json',
  reportHtml: 'report.html',
  /** Its place among the runs of the workspace, while it waits or is at work. */
  turn: 'turn',
  /** Asks the run to stop, wherever it runs. */
  cancel: 'cancel',
  /** What the process wrote to its standard streams. */
  log: 'process.log',
} as const

/** `20261126-031500-gptq-1a2b3c`: sorts by time, says what it is, and two windows do not meet. */
export function newRunId(now: Date, methods: readonly string[]): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  const name =
    methods
      .join('-')
      .replace(/[^A-Za-z0-9_-]/g, '')
      .slice(0, 40) || 'run'
  const random = Math.floor(Math.random() * 2 ** 24)
    .toString(16)
    .padStart(6, '0')
  return `${time}-${name}-${random}`
}
