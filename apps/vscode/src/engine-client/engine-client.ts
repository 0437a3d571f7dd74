import type { Method, Params, Result } from '../shared/protocol.ts'
import type { RequestEvent } from './connection.ts'
import { EngineError } from './engine-error.ts'
import { type EngineProcess, type EngineProgram, startEngine } from './engine-process.ts'

export interface RequestOptions {
  /** Stops the work: the engine is asked, and ended when it does not hear and is at work on nothing else. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds without an answer after which it is stopped likewise. Default: never; long work has progress. */
  readonly timeoutMs?: number | undefined
  readonly onEvent?: ((event: RequestEvent) => void) | undefined
}

export interface EngineClientOptions extends Omit<EngineProgram, 'node'>, ClientOptions {
  /** Looked for when the engine is started, which settings may have changed since. */
  readonly findNode: () => Promise<EngineProgram['node']>
}

export interface ClientOptions {
  /** Milliseconds that a cancelled request has to end before it is given up, and the engine ended. Default 3000. */
  readonly cancelMs?: number | undefined
  /** Whether runs are at work inside of the engine, which nobody waits for: then no cancelled request ends it. Default false. */
  readonly holdsRuns?: boolean | undefined
  /** Milliseconds without a sign of life after which an engine at work is ended. Default 60,000: a long product hears nothing. */
  readonly silenceMs?: number | undefined
  readonly onState?: ((state: EngineState) => void) | undefined
}

export type EngineState = 'idle' | 'starting' | 'ready' | 'crashed'

/** The engine as the editor sees it: started at the first request, and again after it has ended. */
export interface EngineClient {
  /** @throws EngineError */
  request<M extends Method>(method: M, params: Params<M>, options?: RequestOptions): Promise<Result<M>>
  /** Of the engine that runs. */
  readonly pid: number | undefined
  dispose(): Promise<void>
}

/** An engine that ends so often within a minute will not do better the next time. */
const MAX_STARTS = 5
const STARTS_MS = 60_000

/** The client of an engine that is a process of its own. */
export const createEngineClient = (options: EngineClientOptions): EngineClient =>
  clientOf(async () => startEngine({ ...options, node: await options.findNode() }), options)

/** @param startNew called for the first request, and again after an engine has ended */
export function clientOf(startNew: () => Promise<EngineProcess>, options: ClientOptions): EngineClient {
  const { cancelMs = 3000, holdsRuns = false, silenceMs = 60_000, onState } = options
  let current: Promise<EngineProcess> | undefined
  let running: EngineProcess | undefined
  let starts: number[] = []
  let disposed = false

  const start = async (): Promise<EngineProcess> => {
    onState?.('starting')
    const engine = await startNew()
    running = engine
    onState?.('ready')
    const watch = setInterval(
      () => {
        const { waiting, heardAt } = engine.connection
        if (waiting > 0 && performance.now() - heardAt > silenceMs) void engine.stop()
      },
      Math.min(1000, silenceMs),
    )
    // In a browser it is a number, and keeps nothing alive.
    watch.unref?.()
    void engine.ended.then(() => {
      clearInterval(watch)
      forget()
      onState?.(disposed ? 'idle' : 'crashed')
    })
    return engine
  }
  const forget = (): void => {
    current = undefined
    running = undefined
  }
  const engine = (): Promise<EngineProcess> => {
    if (disposed) return Promise.reject(new EngineError('crashed', 'the engine was shut down'))
    if (current) return current
    const now = Date.now()
    starts = starts.filter(at => now - at < STARTS_MS)
    if (starts.length >= MAX_STARTS)
      return Promise.reject(
        new EngineError(
          'crashed',
          `the engine ended ${MAX_STARTS} times within a minute; its log says why. Try again later`,
        ),
      )
    starts.push(now)
    current = start()
    current.catch(forget)
    return current
  }

  return {
    async request(method, params, { signal, timeoutMs, onEvent } = {}) {
      signal?.throwIfAborted()
      const { connection, stop } = await engine()
      const pending = connection.request(method, params, onEvent)
      let given: EngineError | undefined
      let ladder: NodeJS.Timeout | undefined
      const end = (error: EngineError): void => {
        given ??= error
        pending.cancel()
        ladder ??= setTimeout(() => {
          pending.abandon(given!)
          // An export of an hour is not given up for a word that came too slowly.
          if (connection.waiting === 0 && !holdsRuns) void stop()
        }, cancelMs)
      }
      const abort = (): void => end(new EngineError('cancelled', `${method} was cancelled`))
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => end(new EngineError('timeout', `${method}: no answer within ${timeoutMs} ms`)), timeoutMs)
      signal?.addEventListener('abort', abort, { once: true })
      if (signal?.aborted) abort()
      try {
        return await pending.answer
      } catch (error) {
        throw given ?? error
      } finally {
        clearTimeout(timer)
        clearTimeout(ladder)
        signal?.removeEventListener('abort', abort)
      }
    },
    get pid() {
      return running?.pid
    },
    async dispose() {
      disposed = true
      const engine = await current?.catch(() => undefined)
      await engine?.stop()
    },
  }
}
