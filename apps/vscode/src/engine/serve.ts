import { createLineReader } from '../shared/lines.ts'
import {
  type AnswerMessage,
  cancelParams,
  type EngineEvent,
  type ErrorObject,
  errorCodes,
  GuardError,
  isMethod,
  MAX_REQUEST_BYTES,
  type Method,
  PROTOCOL,
  requests,
} from '../shared/protocol.ts'
import type { Handler, RequestContext } from './handler.ts'
import { handlers } from './handlers.ts'
import type { RunProgram } from './run/spawn-run.ts'

export interface ServeOptions {
  readonly input: AsyncIterable<Uint8Array>
  readonly output: { write(text: string): unknown }
  readonly runProgram: RunProgram
}

/** An editor has some requests under way; thousands are a mistake or a trick. */
const MAX_IN_FLIGHT = 256
const HEARTBEAT_MS = 2000
/** Progress between two of a request that nobody could see is not sent. */
const PROGRESS_MS = 100
/** For what is under way when the input ends: a file that is half written is taken away. */
const LEAVE_MS = 1500

/**
 * Answers JSON-RPC 2.0 requests, one a line, until the input ends. Whatever comes in is answered, and nothing that comes in ends it.
 */
export async function serve({ input, output, runProgram }: ServeOptions): Promise<void> {
  const inFlight = new Map<number, AbortController>()
  const working = new Set<Promise<void>>()
  const write = (message: object): void => void output.write(`${JSON.stringify(message)}\n`)
  const answer = (message: Omit<AnswerMessage, 'jsonrpc'>): void => write({ jsonrpc: '2.0', ...message })
  const refuse = (id: number | null, error: ErrorObject): void => answer({ id, error })
  const event = (params: EngineEvent): void => write({ jsonrpc: '2.0', method: '$/event', params })

  const request = async (id: number, method: string, params: unknown): Promise<void> => {
    if (!isMethod(method)) return refuse(id, unknownMethod(method))
    if (inFlight.has(id)) return refuse(id, invalid(`the id ${id} is of a request that is not answered yet`))
    if (inFlight.size >= MAX_IN_FLIGHT)
      return refuse(id, { code: errorCodes.busy, message: `${MAX_IN_FLIGHT} requests are under way; ask again later` })
    const controller = new AbortController()
    inFlight.set(id, controller)
    try {
      const context = contextOf(id, controller.signal, event, runProgram)
      answer({ id, result: await perform(method, params, context) })
    } catch (error) {
      refuse(id, errorOf(error, controller.signal))
    } finally {
      inFlight.delete(id)
    }
  }

  const message = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(null, notOne)
    else {
      const { id, method, params } = value as Record<string, unknown>
      const known = idOf(id)
      if (typeof method !== 'string') refuse(known, invalid('the request has no method'))
      // What wants no answer gets none, also when it makes no sense.
      else if (id === undefined) notification(method, params, inFlight)
      else if (known === null) refuse(null, invalid('expected a whole number from 0 as id'))
      else {
        const work = request(known, method, params).finally(() => working.delete(work))
        working.add(work)
      }
    }
  }

  const line = (text: string): void => {
    const value = parsed(text)
    if (value instanceof SyntaxError) refuse(null, { code: errorCodes.parse, message: `not JSON: ${value.message}` })
    else message(value)
  }

  const tooLong = (): void =>
    refuse(null, { code: errorCodes.parse, message: `a line of more than ${MAX_REQUEST_BYTES} bytes was dropped` })

  const beat = setInterval(() => {
    event({ type: 'heartbeat', at: Date.now(), memoryBytes: process.memoryUsage.rss() })
  }, HEARTBEAT_MS)
  try {
    const read = createLineReader({ maxBytes: MAX_REQUEST_BYTES, onLine: line, onTooLong: tooLong })
    for await (const chunk of input) read(chunk)
  } finally {
    clearInterval(beat)
    for (const controller of inFlight.values()) controller.abort()
    await Promise.race([Promise.allSettled(working), new Promise(resolve => setTimeout(resolve, LEAVE_MS))])
  }
}

function notification(method: string, params: unknown, inFlight: ReadonlyMap<number, AbortController>): void {
  if (method !== '$/cancel') return
  try {
    inFlight.get(cancelParams(params, 'params').id)?.abort()
  } catch {
    // A notification is not answered.
  }
}

async function perform<M extends Method>(method: M, params: unknown, context: RequestContext): Promise<unknown> {
  const { params: guard, result } = requests[method] as (typeof requests)[M]
  const checked = guard(params ?? {}, 'params')
  if (method === 'initialize') checkProtocol((checked as { protocol: number }).protocol)
  const handler = handlers[method] as Handler<M>
  // What goes out is checked as well: a number that JSON cannot hold is found here, and not in somebody's window.
  return result(await handler(checked as never, context), 'result')
}

class ProtocolError extends Error {}

function checkProtocol(protocol: number): void {
  if (protocol !== PROTOCOL)
    throw new ProtocolError(
      `the engine speaks version ${PROTOCOL} of the protocol and the client ${protocol}: reload the window after an update`,
    )
}

function contextOf(
  id: number,
  signal: AbortSignal,
  event: (event: EngineEvent) => void,
  runProgram: RunProgram,
): RequestContext {
  let shown = 0
  return {
    signal,
    runProgram,
    text: text => event({ type: 'text', id, text }),
    progress(stage, done, total) {
      const now = Date.now()
      if (done < total && now - shown < PROGRESS_MS) return
      shown = now
      event({ type: 'progress', id, stage, done, total })
    },
  }
}

const idOf = (id: unknown): number | null => (Number.isSafeInteger(id) && (id as number) >= 0 ? (id as number) : null)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return error
  }
}

const invalid = (message: string): ErrorObject => ({ code: errorCodes.invalidRequest, message })

const notOne = invalid('expected one JSON-RPC request as an object; batches are not taken')

const unknownMethod = (method: string): ErrorObject => ({
  code: errorCodes.unknownMethod,
  message: `unknown method ${JSON.stringify(method.slice(0, 100))}; known: ${Object.keys(requests).join(', ')}`,
})

function errorOf(error: unknown, signal: AbortSignal): ErrorObject {
  if (signal.aborted) return { code: errorCodes.cancelled, message: 'cancelled' }
  if (error instanceof ProtocolError) return { code: errorCodes.protocol, message: error.message }
  if (error instanceof GuardError && error.message.startsWith('params'))
    return { code: errorCodes.invalidParams, message: error.message }
  const { message, code, name } = (error instanceof Error ? error : new Error(String(error))) as NodeJS.ErrnoException
  if (typeof code === 'string' || error instanceof RangeError)
    return { code: errorCodes.refused, message, data: { code: code ?? name } }
  console.error(error)
  return { code: errorCodes.internal, message }
}
