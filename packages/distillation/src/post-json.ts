import { setTimeout as sleep } from 'node:timers/promises'
import { backoff, mayHelpAgain, waitBefore } from './http-retry.ts'
import { TeacherError, type TeacherFailure } from './teacher-error.ts'

export interface PostOptions {
  readonly url: string
  readonly body: unknown
  /** Sent as a bearer token; never in a message. */
  readonly apiKey?: string | undefined
  /** Of one attempt. */
  readonly timeoutMs: number
  /** Attempts after the first. */
  readonly retries: number
  readonly signal?: AbortSignal | undefined
  /** Before every attempt, from 1; what it throws ends them. */
  readonly onAttempt?: ((attempt: number) => void) | undefined
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly wait?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined
}

/** An answer with 100 alternatives for each of 131,072 positions has about so many bytes; no more is taken from anybody. */
const MAX_ANSWER_BYTES = 2 ** 29

/**
 * Posts JSON and reads JSON. Again after a while where that may help: timeouts, lost connections, too many requests, faults of
 * the server.
 * @throws TeacherError for what stays wrong; the signal's reason when it was aborted
 */
export async function postJson(options: PostOptions): Promise<unknown> {
  const { retries, signal, random, wait = waitFor } = options
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    options.onAttempt?.(attempt)
    const result = await once(options)
    if ('answer' in result) return parseAnswer(result.answer, options)
    if (!result.again || attempt > retries) throw failure(result, options, attempt)
    await wait(waitBefore(result.headers, backoff(attempt, random), Date.now()), signal)
  }
}

type Attempt = { readonly answer: string } | Failed

interface Failed {
  readonly failure: TeacherFailure
  readonly why: string
  readonly again: boolean
  readonly headers?: Headers
  readonly status?: number
  readonly cause?: unknown
}

async function once({ url, body, apiKey, timeoutMs, signal }: PostOptions): Promise<Attempt> {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    const answer = await readText(response)
    if (response.ok) return { answer }
    const { status, headers } = response
    return { failure: 'http', status, headers, why: reasonIn(answer), again: mayHelpAgain(status) }
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof TeacherError) throw cause
    if (timeout.aborted)
      return { failure: 'timeout', why: `no answer within ${timeoutMs / 1000} s`, again: true, cause }
    return { failure: 'network', why: networkReason(cause), again: true, cause }
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (bytes > MAX_ANSWER_BYTES)
      throw new TeacherError(
        'parse',
        `the answer has more than ${MAX_ANSWER_BYTES} bytes; ask about shorter rows or fewer tokens`,
      )
    text += decoder.decode(piece, { stream: true })
  }
  return text + decoder.decode()
}

/** What fetch throws says little; its cause says more. */
function networkReason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  if (message === 'terminated') return 'the connection was closed in the middle of the answer'
  const detail = cause?.code ?? cause?.message
  return detail ? `${message} (${detail})` : message
}

const EXCERPT = 200

/** `error.message` as these servers write it, or the start of what came. */
function reasonIn(answer: string): string {
  const read = (): unknown => {
    try {
      const { error, message, detail } = JSON.parse(answer) as Record<string, unknown>
      return (error as { message?: unknown } | undefined)?.message ?? error ?? message ?? detail
    } catch {
      return undefined
    }
  }
  const said = read()
  const text = typeof said === 'string' ? said : answer
  return text.trim().slice(0, EXCERPT) || 'without saying why'
}

function failure(
  { failure: kind, status, why, cause }: Failed,
  { url, apiKey }: PostOptions,
  attempts: number,
): TeacherError {
  const hints: Readonly<Record<number, string>> = {
    401: '; check the key',
    403: '; check the key',
    404: '; check the address and the name of the model',
    429: '; ask for less at a time',
  }
  const what = status === undefined ? why : `${status}: ${why}${hints[status] ?? ''}`
  const tries = attempts > 1 ? `, after ${attempts} attempts` : ''
  // A server may repeat what it was sent, the key too.
  const message = withoutKey(`${placeOf(url)}: ${what}${tries}`, apiKey)
  return new TeacherError(kind, message, { cause, ...(status !== undefined && { status }) })
}

const withoutKey = (text: string, apiKey: string | undefined): string => (apiKey ? text.replaceAll(apiKey, '…') : text)

/** Without user, password and query. */
export function placeOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function parseAnswer(answer: string, { url, apiKey }: PostOptions): unknown {
  try {
    return JSON.parse(answer)
  } catch (cause) {
    const start = answer.trim().slice(0, EXCERPT)
    const got = start ? withoutKey(JSON.stringify(start), apiKey) : 'nothing'
    throw new TeacherError('parse', `${placeOf(url)}: expected JSON, got ${got}`, { cause })
  }
}

const waitFor = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  await sleep(ms, undefined, signal && { signal }).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
}
