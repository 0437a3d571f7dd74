import { z } from 'zod'
import { TeacherError } from './teacher-error.ts'

/** A token that may come next, and ln p. */
export interface Alternative {
  readonly id: number
  readonly logProb: number
}

/** For some positions of a text, what may come after them. */
export type Alternatives = ReadonlyMap<number, readonly Alternative[]>

/** How a server is asked for the probabilities of a given text, and where it puts them. */
export interface EndpointStyle {
  /** One request for a text, or one for each of its positions. */
  readonly requests: 'one' | 'position'
  /** Fields of the body beside the model's name. @param ids of the text, or of its part up to a position */
  body(ids: readonly number[], k: number): Readonly<Record<string, unknown>>
  /** @throws TeacherError `parse` when the answer is not of this form, or about another text */
  read(answer: unknown, ids: readonly number[], idOf: (text: string) => number | undefined): Alternatives
}

/** A little above 0 is rounding; more is no ln p. */
const logProb = z.number().max(1e-3)
/** More alternatives than any server gives. */
const MAX_ALTERNATIVES = 8192

const byText = z.record(z.string(), logProb).refine(fields => Object.keys(fields).length <= MAX_ALTERNATIVES)
const byId = z.record(z.string().regex(/^\d{1,8}$/), z.object({ logprob: logProb }))

const promptAnswer = z.object({ choices: z.tuple([z.object({ prompt_logprobs: z.array(byId.nullable()) })]) })

/** `prompt_logprobs`, with ids for keys (vLLM): exact, and one request a text. */
const promptLogprobs: EndpointStyle = {
  requests: 'one',
  body: (ids, k) => ({ prompt: ids, max_tokens: 1, temperature: 0, prompt_logprobs: k }),
  read(answer, ids) {
    const [{ prompt_logprobs: list }] = parsed(promptAnswer, answer, 'prompt_logprobs').choices
    if (list.length !== ids.length) throw otherText(`${list.length} tokens`, `${ids.length}`)
    const found = new Map<number, readonly Alternative[]>()
    for (const [i, entry] of list.entries()) {
      if (i === 0 || !entry) continue
      if (!(ids[i]! in entry)) throw otherText(`another token than ${ids[i]}`, `that at ${i}`)
      found.set(
        i - 1,
        Object.entries(entry).map(([id, { logprob }]) => ({ id: Number(id), logProb: logprob })),
      )
    }
    return found
  },
}

const echoAnswer = z.object({
  choices: z.tuple([
    z.object({ logprobs: z.object({ tokens: z.array(z.string()), top_logprobs: z.array(byText.nullable()) }) }),
  ]),
})

/** `echo` and `logprobs` of the first completions interface, with texts for keys: llama-cpp-python and many others. */
const echo: EndpointStyle = {
  requests: 'one',
  body: (ids, k) => ({ prompt: ids, max_tokens: 1, temperature: 0, echo: true, logprobs: k }),
  read(answer, ids, idOf) {
    const [{ logprobs }] = parsed(echoAnswer, answer, 'logprobs of an echo').choices
    const { tokens, top_logprobs: list } = logprobs
    if (list.length < ids.length || tokens.length < ids.length)
      throw otherText(`${tokens.length} tokens`, `${ids.length}`)
    const found = new Map<number, readonly Alternative[]>()
    for (const [i, entry] of list.slice(0, ids.length + 1).entries()) {
      const id = i < ids.length ? idOf(tokens[i]!) : undefined
      if (id !== undefined && id !== ids[i]) throw otherText(`token ${id}`, `${ids[i]} at ${i}`)
      if (i > 0 && entry) found.set(i - 1, named(Object.entries(entry), idOf))
    }
    return found
  },
}

const listed = z.object({
  token: z.string(),
  id: z
    .int()
    .min(0)
    .max(2 ** 24)
    .optional(),
  logprob: logProb,
})
const nextAnswer = z.object({
  choices: z.tuple([
    z.object({
      logprobs: z.union([
        z.object({ content: z.array(z.object({ top_logprobs: z.array(listed).max(MAX_ALTERNATIVES) })).min(1) }),
        z.object({ top_logprobs: z.array(byText.nullable()).min(1) }),
      ]),
    }),
  ]),
})

/** Probabilities of the token that would be written next, one request a position: llama.cpp, and all that give nothing for a prompt. */
const nextToken: EndpointStyle = {
  requests: 'position',
  body: (ids, k) => ({ prompt: ids, max_tokens: 1, temperature: 0, logprobs: k }),
  read(answer, ids, idOf) {
    const [{ logprobs }] = parsed(nextAnswer, answer, 'logprobs of one token').choices
    const first =
      'content' in logprobs
        ? logprobs.content[0]!.top_logprobs.flatMap(({ id, token, logprob }) => {
            const known = id ?? idOf(token)
            return known === undefined ? [] : [{ id: known, logProb: logprob }]
          })
        : named(Object.entries(logprobs.top_logprobs[0] ?? {}), idOf)
    return new Map([[ids.length - 1, first]])
  },
}

export const endpointStyleNames = ['prompt-logprobs', 'echo', 'next-token'] as const
export type EndpointStyleName = (typeof endpointStyleNames)[number]

export const endpointStyles: Readonly<Record<EndpointStyleName, EndpointStyle>> = {
  'prompt-logprobs': promptLogprobs,
  echo,
  'next-token': nextToken,
}

/** Tokens that cannot be told apart by their text are left out: their mass stays with what is not known. */
const named = (entries: readonly [string, number][], idOf: (text: string) => number | undefined): Alternative[] =>
  entries.flatMap(([text, value]) => {
    const id = idOf(text)
    return id === undefined ? [] : [{ id, logProb: value }]
  })

const usage = z.object({
  usage: z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0).optional() }),
})

/** Tokens that the server says it counted. */
export function usedTokens(answer: unknown): number | undefined {
  const result = usage.safeParse(answer)
  return result.success ? result.data.usage.prompt_tokens + (result.data.usage.completion_tokens ?? 0) : undefined
}

function parsed<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const result = schema.safeParse(answer)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new TeacherError(
    'parse',
    `the answer has no ${what}: ${issue!.path.join('.') || 'it'}: ${issue!.message}; the server may not give them, or in another style`,
  )
}

const otherText = (got: string, expected: string): TeacherError =>
  new TeacherError(
    'parse',
    `the server read another text: it has ${got}, and was given ${expected}; is its tokenizer the same?`,
  )
