import { createLineReader } from '../shared/lines.ts'
import {
  type AnswerMessage,
  type EngineEvent,
  type ErrorObject,
  engineEvent,
  type Guard,
  MAX_ANSWER_BYTES,
  type Method,
  type Params,
  type Result,
  requests,
} from '../shared/protocol.ts'
import { EngineError, errorOf } from './engine-error.ts'

export type RequestEvent = Extract<EngineEvent, { type: 'progress' | 'text' }>

/** Requests and answers over two streams. */
export interface Connection {
  request<M extends Method>(method: M, params: Params<M>, onEvent?: (event: RequestEvent) => void): Pending<Result<M>>
  /** Requests without an answer. */
  readonly waiting: number
  /** When something came in last, by `performance.now`: a computer that slept has not been silent. */
  readonly heardAt: number
  /** Rejects what waits. */
  close(error: EngineError): void
}

export interface Pending<T> {
  readonly answer: Promise<T>
  /** Asks the engine to stop working on it; the answer still comes. */
  cancel(): void
  /** Rejects it without waiting any longer. */
  abandon(error: EngineError): void
}

interface Waiting {
  readonly result: Guard<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: EngineError) => void
  readonly onEvent: ((event: RequestEvent) => void) | undefined
}

/** @param onBroken something came in that is no message of the protocol: whoever sends it cannot be trusted with the rest */
export function createConnection(
  input: { on(event: 'data', listener: (bytes: Uint8Array) => void): unknown },
  output: { readonly writable: boolean; write(text: string): unknown },
  onBroken: (error: EngineError) => void,
): Connection {
  const waiting = new Map<number, Waiting>()
  let next = 1
  let heardAt = performance.now()
  const send = (message: object): void => {
    if (output.writable) output.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
  const settle = (id: number): Waiting | undefined => {
    const found = waiting.get(id)
    waiting.delete(id)
    return found
  }
  const broken = (what: string): void => onBroken(new EngineError('protocol', `the engine's output: ${what}`))
  const receive = (line: string): void => {
    heardAt = performance.now()
    try {
      const message = JSON.parse(line) as Partial<AnswerMessage> & { method?: unknown; params?: unknown }
      if (message.method === '$/event') deliver(engineEvent(message.params, 'event'), waiting)
      else if (typeof message.id === 'number') finish(settle(message.id), message)
    } catch (error) {
      broken(`${(error as Error).message}: ${line.slice(0, 200)}`)
    }
  }
  input.on(
    'data',
    createLineReader({
      maxBytes: MAX_ANSWER_BYTES,
      onLine: receive,
      onTooLong: () => broken(`a line of more than ${MAX_ANSWER_BYTES} bytes`),
    }),
  )
  return {
    request(method, params, onEvent) {
      const id = next++
      const result = requests[method].result as Guard<unknown>
      const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { result, resolve, reject, onEvent }))
      send({ id, method, params })
      return {
        answer: answer as Promise<never>,
        cancel: () => waiting.has(id) && send({ method: '$/cancel', params: { id } }),
        abandon: error => settle(id)?.reject(error),
      }
    },
    get waiting() {
      return waiting.size
    },
    get heardAt() {
      return heardAt
    },
    close(error) {
      for (const id of [...waiting.keys()]) settle(id)?.reject(error)
    },
  }
}

function deliver(event: EngineEvent, waiting: ReadonlyMap<number, Waiting>): void {
  if (event.type !== 'heartbeat') waiting.get(event.id)?.onEvent?.(event)
}

function finish(request: Waiting | undefined, { result, error }: Partial<AnswerMessage>): void {
  // An answer that nobody waits for any more.
  if (!request) return
  try {
    if (error) request.reject(errorOf(error as ErrorObject))
    else request.resolve(request.result(result, 'result'))
  } catch (problem) {
    request.reject(new EngineError('protocol', `the engine's answer: ${(problem as Error).message}`))
  }
}
