import type { Method, Params, Result } from '../shared/protocol.ts'
import type { RunProgram } from './run/spawn-run.ts'

/** What a handler may use beside its parameters. */
export interface RequestContext {
  /** Aborted when the client cancels or goes away. */
  readonly signal: AbortSignal
  progress(stage: string, done: number, total: number): void
  /** A piece of text that is being made. */
  text(piece: string): void
  readonly runProgram: RunProgram
}

export type Handler<M extends Method> = (params: Params<M>, context: RequestContext) => Promise<Result<M>>
