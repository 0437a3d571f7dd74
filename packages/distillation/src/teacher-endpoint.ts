import { SinterError, type Tokenizer, type TopTokens } from '@sinter/model'
import { createRng } from '@sinter/tensor-core'
import { type Budget, createSpending, type Spending } from './budget.ts'
import { type Alternative, type EndpointStyleName, endpointStyles, usedTokens } from './endpoint-answers.ts'
import { placeOf, postJson } from './post-json.ts'
import { emptyTop, type Question, rowsOf, type Teacher } from './teacher.ts'
import { createTokenReader } from './token-text.ts'

export interface EndpointOptions {
  /** Up to and with the version: `http://localhost:8000/v1`. */
  readonly url: string
  /** As the server calls it. */
  readonly model: string
  readonly apiKey?: string | undefined
  /** Where the server puts the probabilities of a given text. */
  readonly style: EndpointStyleName
  /** Tokens that it shares with the student. */
  readonly vocabulary: number
  /** Reads tokens that come as text; `prompt-logprobs` needs none. */
  readonly tokenizer?: Tokenizer | undefined
  /** Most alternatives a position that the server gives: vLLM 20 unless started with more, others 5. */
  readonly mostTop?: number
  /** Requests at a time. */
  readonly concurrency?: number
  /** Of one attempt. */
  readonly timeoutMs?: number
  /** Attempts after the first. */
  readonly retries?: number
  readonly budget?: Budget
  /** What happens between attempts; for tests. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

export interface EndpointTeacher extends Teacher {
  readonly spent: Spending['spent']
}

/**
 * A server with an OpenAI-compatible `completions` that is given token ids and tells the most probable next ones. Rows with
 * several documents are asked about document by document. What it says is checked against what it was asked.
 * @throws SinterError `teacher` for an address that is none
 */
export function endpointTeacher(options: EndpointOptions): EndpointTeacher {
  const { model, style, mostTop = 20, budget = {} } = options
  const url = completionsOf(options.url)
  const spending = createSpending(budget)
  const idOf = createTokenReader(options.tokenizer, options.vocabulary)
  const { body, read, requests } = endpointStyles[style]
  const random = createRng('endpoint').uniform

  async function ask(text: Text, k: number, signal: AbortSignal | undefined): Promise<Answer> {
    // What is sent, and the one token that is written.
    const estimate = text.ids.length + 1
    const onAttempt = (attempt: number) => {
      if (attempt > 1) spending.settle(estimate, 0)
      spending.reserve(estimate)
    }
    const { apiKey, timeoutMs = 120_000, retries = 5, wait } = options
    const sent = { model, ...body(text.ids, k) }
    const answer = await postJson({ url, body: sent, apiKey, timeoutMs, retries, signal, random, wait, onAttempt })
    spending.settle(estimate, usedTokens(answer))
    return { ...text, found: read(answer, text.ids, idOf) }
  }

  return {
    name: `${model} at ${placeOf(url)}`,
    mostTop,
    spent: spending.spent,
    fingerprint: async () => `endpoint ${placeOf(url)} ${style} ${model}`,
    close: async () => {},
    async top(question, { k, signal }) {
      const top = emptyTop(question, k)
      const texts = textsOf(question, requests)
      await each(texts, options.concurrency ?? 4, signal, async (text, joined) => {
        for (const [position, alternatives] of (await ask(text, k, joined)).found)
          place(top, text.from + position, best(alternatives, k, options.vocabulary), k)
      })
      return top
    },
  }
}

function completionsOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password)
    throw new SinterError(
      'teacher',
      `a teacher's address is http:// or https:// up to the version, without a name or password in it (http://localhost:8000/v1), not ${parsed ? placeOf(url) : JSON.stringify(url)}`,
    )
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}/completions`
}

/** Ids that are asked about, and where the first of them is in the question. */
interface Text {
  readonly ids: readonly number[]
  readonly from: number
}

interface Answer extends Text {
  readonly found: ReadonlyMap<number, readonly Alternative[]>
}

/** A document each; or with each of its positions as the last. After the last token nothing is asked: it has no target. */
function textsOf(question: Question, requests: 'one' | 'position'): Text[] {
  const length = question.ids.shape[1]!
  const documents = rowsOf(question).flatMap(({ ids, starts }, row) =>
    starts.map((start, i) => ({ ids: Array.from(ids.subarray(start, starts[i + 1])), from: row * length + start })),
  )
  const asked = documents.filter(({ ids }) => ids.length > 1)
  if (requests === 'one') return asked
  return asked.flatMap(({ ids, from }) => ids.slice(0, -1).map((_, i) => ({ ids: ids.slice(0, i + 1), from })))
}

/** The k most probable of the shared tokens, each once. */
function best(alternatives: readonly Alternative[], k: number, vocabulary: number): Alternative[] {
  const known = new Map<number, number>()
  for (const { id, logProb } of alternatives)
    if (id < vocabulary) known.set(id, Math.max(known.get(id) ?? Number.NEGATIVE_INFINITY, Math.min(0, logProb)))
  const sorted = [...known].map(([id, logProb]) => ({ id, logProb }))
  return sorted.sort((a, b) => b.logProb - a.logProb || a.id - b.id).slice(0, k)
}

/** Gaps are filled with the first token and keep `NO_TOKEN`. */
function place({ ids, logProbs }: TopTokens, position: number, found: readonly Alternative[], k: number): void {
  for (let i = 0; i < k; i++) (ids.data as Int32Array)[position * k + i] = (found[i] ?? found[0])?.id ?? 0
  for (const [i, { logProb }] of found.entries()) logProbs.data[position * k + i] = logProb
}

/** So many at a time; the first failure ends all. */
async function each<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController()
  const joined = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(items[next++]!, joined)
  }
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker)
  try {
    await Promise.all(workers)
  } catch (error) {
    stop.abort()
    await Promise.allSettled(workers)
    throw error
  }
}
