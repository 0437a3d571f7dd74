import { array, boolean, type Guard, nullable, number, object, oneOf, text, whole } from './guard.ts'

/** Of the layout of a run's folder. */
export const RUN_VERSION = 1

/** `queued`: its process is there and waits for other runs. */
export type RunState = 'starting' | 'queued' | 'running' | 'cancelled' | 'failed' | 'done'

/** `status.json` of a run's folder: what there is to know of a run at a glance. Times are milliseconds since 1970. */
export interface RunStatus {
  readonly version: number
  readonly id: string
  readonly state: RunState
  /** Of the process that is or was at work. */
  readonly pid: number | null
  /** The recipe's file, as it was asked for. */
  readonly recipe: string
  readonly methods: readonly string[]
  readonly model: string
  /** Folder or file of the result. */
  readonly out: string
  readonly createdAt: number
  readonly startedAt: number | null
  /** The last sign of life. */
  readonly heartbeatAt: number | null
  readonly endedAt: number | null
  /** How often it was started. */
  readonly attempts: number
  readonly progress: RunProgress | null
  /** Whether `resume` goes on from what is finished. */
  readonly resumable: boolean
  readonly error: { readonly code: string; readonly message: string } | null
  readonly result: RunNumbers | null
  /** Paths. */
  readonly report: { readonly json: string; readonly html: string } | null
}

/** Whether nothing will happen to it by itself. */
export const isOver = ({ state }: RunStatus): boolean => state === 'cancelled' || state === 'failed' || state === 'done'

export interface RunProgress {
  readonly stage: string
  readonly done: number
  readonly total: number
  readonly unit: string
}

/** What a list of runs shows of a result. */
export interface RunNumbers {
  readonly outputBytes: number
  /** Of the compressed matrices. */
  readonly bitsPerWeight: number
  readonly seconds: number
  readonly perplexity: number | null
  readonly basePerplexity: number | null
  /** Nats. */
  readonly kl: number | null
}

const path = text(32_768)

export const runStatus: Guard<RunStatus> = object({
  version: oneOf(RUN_VERSION),
  id: text(200),
  state: oneOf('starting', 'queued', 'running', 'cancelled', 'failed', 'done'),
  // 0 and less name groups of processes, and somebody may have written the file to have them ended.
  pid: nullable(whole(1, 2 ** 32)),
  recipe: path,
  methods: array(text(1000), 1000),
  model: path,
  out: path,
  createdAt: number,
  startedAt: nullable(number),
  heartbeatAt: nullable(number),
  endedAt: nullable(number),
  attempts: number,
  progress: nullable(object({ stage: text(1000), done: number, total: number, unit: text(1000) })),
  resumable: boolean,
  error: nullable(object({ code: text(1000), message: text(2 ** 20) })),
  result: nullable(
    object({
      outputBytes: number,
      bitsPerWeight: number,
      seconds: number,
      perplexity: nullable(number),
      basePerplexity: nullable(number),
      kl: nullable(number),
    }),
  ),
  report: nullable(object({ json: path, html: path })),
})
