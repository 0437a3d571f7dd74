import { array, boolean, type Guard, nullable, number, object, oneOf, record, text } from '../../shared/guard.ts'
import { RUN_VERSION } from '../../shared/run-status.ts'

/** `run.json`: all that a run needs to know, so that it can be started again at any time by anybody. */
export interface RunRequest {
  readonly version: number
  /** Its file, for people. */
  readonly recipePath: string
  /** As resolved: defaults filled in, paths absolute. */
  readonly recipe: Readonly<Record<string, unknown>>
  readonly methods: readonly string[]
  readonly model: string
  readonly out: string
  readonly createdAt: number
  readonly threads: number | null
  readonly memory: number | null
  readonly report: boolean
}

const path = text(32_768)

export const runRequest: Guard<RunRequest> = object({
  version: oneOf(RUN_VERSION),
  recipePath: path,
  recipe: record,
  methods: array(text(1000), 1000),
  model: path,
  out: path,
  createdAt: number,
  threads: nullable(number),
  memory: nullable(number),
  report: boolean,
})
