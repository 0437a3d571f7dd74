import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Model, Tokenizer, TopTokens } from '@sinter/model'
import { type Backend, ortNodeBackend, type Tensor } from '@sinter/tensor-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type EndpointOptions, type EndpointTeacher, endpointTeacher } from '../../src/index.ts'
import { topPass } from '../../src/top-pass.ts'
import { letters, namesOnly } from './padded.ts'
import { openTiny, someIds } from './tiny.ts'

export const backend: Backend = ortNodeBackend({ threads: 1 })
export let model: Model
beforeAll(async () => {
  model = await openTiny('teacher')
})
afterAll(async () => {
  await Promise.all([model.close(), backend.close()])
})

export interface Body {
  readonly model: string
  readonly prompt: readonly number[]
  readonly max_tokens: number
  readonly logprobs?: number
  readonly prompt_logprobs?: number
  readonly echo?: boolean
}

export type Step = (response: ServerResponse, body: Body, request: IncomingMessage) => void | Promise<void>

/** Plays a server: each request takes the next step of the script, and when there is none it is answered. */
export interface Played {
  readonly url: string
  readonly asked: Body[]
  readonly script: Step[]
  readonly keys: (string | undefined)[]
  close(): Promise<void>
}

/** Tokens as a server names them when it gives texts: some texts stand for several. */
export const nameOf = (id: number): string => (id >= 60 ? '�' : `t${id}`)

export async function answer(body: Body): Promise<unknown> {
  const ids: Tensor = { dtype: 'i32', shape: [1, body.prompt.length], data: Int32Array.from(body.prompt) }
  const top = await topPass(model, backend, { ids }, { k: 64, vocabulary: 64 })
  const known = (position: number, k: number) =>
    Array.from(
      { length: k },
      (_, i) => [Number(top.ids.data[position * 64 + i]), top.logProbs.data[position * 64 + i]!] as const,
    )
  const logProbOf = (position: number, id: number) => known(position, 64).find(([own]) => own === id)![1]
  const usage = { prompt_tokens: body.prompt.length, completion_tokens: 1 }
  if (body.prompt_logprobs !== undefined) {
    const list = body.prompt.map((id, i) => {
      if (i === 0) return null
      const entries = [...known(i - 1, body.prompt_logprobs!), [id, logProbOf(i - 1, id)] as const]
      return Object.fromEntries(
        entries.map(([own, logprob], rank) => [own, { logprob, rank, decoded_token: nameOf(own) }]),
      )
    })
    return { choices: [{ text: 'x', prompt_logprobs: list }], usage }
  }
  if (body.echo) {
    const list = [...body.prompt.keys(), body.prompt.length].map(i =>
      i === 0 ? null : Object.fromEntries(known(i - 1, body.logprobs!).map(([id, logprob]) => [nameOf(id), logprob])),
    )
    const tokens = [...body.prompt.map(nameOf), 'x']
    return { choices: [{ text: 'x', logprobs: { tokens, top_logprobs: list, text_offset: [] } }], usage }
  }
  const next = known(body.prompt.length - 1, body.logprobs!)
  const content = [
    {
      id: next[0]![0],
      token: nameOf(next[0]![0]),
      top_logprobs: next.map(([id, logprob]) => ({ id, token: nameOf(id), bytes: [1], logprob })),
    },
  ]
  return { choices: [{ text: 'x', logprobs: { content } }], usage }
}

export async function play(): Promise<Played> {
  const [asked, script, keys]: [Body[], Step[], (string | undefined)[]] = [[], [], []]
  const server: Server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += piece
    const body = JSON.parse(text) as Body
    asked.push(body)
    keys.push(request.headers.authorization)
    const step = script.shift()
    if (step) return step(response, body, request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(await answer(body)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    script,
    keys,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export let server: Played
export let waits: number[]
beforeEach(async () => {
  server = await play()
  waits = []
})
afterEach(() => server.close())

export const status =
  (code: number, text = '', headers: Readonly<Record<string, string>> = {}): Step =>
  response => {
    response.writeHead(code, headers)
    response.end(text)
  }

export const tokenizer: Tokenizer = namesOnly(letters(64))
export const make = (options: Partial<EndpointOptions> = {}): EndpointTeacher =>
  endpointTeacher({
    url: server.url,
    model: 'tiny',
    style: 'prompt-logprobs',
    vocabulary: 64,
    tokenizer,
    wait: async ms => void waits.push(ms),
    concurrency: 1,
    ...options,
  })

export const question = (): { readonly ids: Tensor } => ({ ids: someIds(2, 5) })
export const directly = (k: number): Promise<TopTokens> => topPass(model, backend, question(), { k, vocabulary: 64 })

/** Every position but the last of each row, which has no target. */
export function expectSame(top: TopTokens, expected: TopTokens, length = 5): void {
  const k = top.ids.shape[2]!
  for (let at = 0; at < top.ids.data.length; at++) {
    if (Math.floor(at / k) % length === length - 1) continue
    expect(top.ids.data[at]).toBe(expected.ids.data[at])
    expect(top.logProbs.data[at]).toBeCloseTo(expected.logProbs.data[at]!, 5)
  }
}
