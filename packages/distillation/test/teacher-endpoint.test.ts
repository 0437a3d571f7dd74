import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { everyToken, type Model, type Tokenizer, type TopTokens } from '@sinter/model'
import { ortNodeBackend, type Tensor } from '@sinter/tensor-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type EndpointOptions,
  type EndpointStyleName,
  endpointTeacher,
  NO_TOKEN,
  openTeacherCache,
  TeacherError,
  withTop,
  writeTeacherCache,
} from '../src/index.ts'
import { topPass } from '../src/top-pass.ts'
import { letters, namesOnly } from './helpers/padded.ts'
import { openTiny, someIds } from './helpers/tiny.ts'

const backend = ortNodeBackend({ threads: 1 })
let model: Model
beforeAll(async () => {
  model = await openTiny('teacher')
})
afterAll(async () => {
  await Promise.all([model.close(), backend.close()])
})

interface Body {
  readonly model: string
  readonly prompt: readonly number[]
  readonly max_tokens: number
  readonly logprobs?: number
  readonly prompt_logprobs?: number
  readonly echo?: boolean
}

type Step = (response: ServerResponse, body: Body, request: IncomingMessage) => void | Promise<void>

/** Plays a server: each request takes the next step of the script, and when there is none it is answered. */
interface Played {
  readonly url: string
  readonly asked: Body[]
  readonly script: Step[]
  readonly keys: (string | undefined)[]
  close(): Promise<void>
}

/** Tokens as a server names them when it gives texts: some texts stand for several. */
const nameOf = (id: number) => (id >= 60 ? '�' : `t${id}`)

async function answer(body: Body): Promise<unknown> {
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

async function play(): Promise<Played> {
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

let server: Played
let waits: number[]
beforeEach(async () => {
  server = await play()
  waits = []
})
afterEach(() => server.close())

const status =
  (code: number, text = '', headers: Readonly<Record<string, string>> = {}): Step =>
  response => {
    response.writeHead(code, headers)
    response.end(text)
  }

const tokenizer: Tokenizer = namesOnly(letters(64))
const make = (options: Partial<EndpointOptions> = {}) =>
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

const question = () => ({ ids: someIds(2, 5) })
const directly = (k: number): Promise<TopTokens> => topPass(model, backend, question(), { k, vocabulary: 64 })

/** Every position but the last of each row, which has no target. */
function expectSame(top: TopTokens, expected: TopTokens, length = 5): void {
  const k = top.ids.shape[2]!
  for (let at = 0; at < top.ids.data.length; at++) {
    if (Math.floor(at / k) % length === length - 1) continue
    expect(top.ids.data[at]).toBe(expected.ids.data[at])
    expect(top.logProbs.data[at]).toBeCloseTo(expected.logProbs.data[at]!, 5)
  }
}

describe('the most probable tokens of a text', () => {
  test('prompt_logprobs, by id', async () => {
    expectSame(await make().top!(question(), { k: 6 }), await directly(6))
    expect(
      server.asked.map(({ model: name, prompt, prompt_logprobs }) => [name, prompt.length, prompt_logprobs]),
    ).toEqual([
      ['tiny', 5, 6],
      ['tiny', 5, 6],
    ])
  })

  test.each<EndpointStyleName>(['echo', 'next-token'])('%s', async style => {
    const top = await make({ style }).top!(question(), { k: 6 })
    const expected = await directly(6)
    const byId = style === 'next-token'
    for (let position = 0; position < 4; position++) {
      const own = (of: TopTokens) =>
        Array.from(
          { length: 6 },
          (_, i) => [Number(of.ids.data[position * 6 + i]), of.logProbs.data[position * 6 + i]!] as const,
        )
      // A text that several tokens have is none of them; a gap is the first token again.
      const named = own(expected).filter(([id]) => byId || id < 60)
      const padded = [...named, ...Array.from({ length: 6 - named.length }, () => [named[0]![0], NO_TOKEN] as const)]
      for (const [i, [id, logProb]] of own(top).entries()) {
        expect(id).toBe(padded[i]![0])
        expect(logProb).toBeCloseTo(padded[i]![1], 5)
      }
    }
    expect(server.asked.length).toBe(byId ? 8 : 2)
    expect(server.asked.every(({ max_tokens }) => max_tokens === 1)).toBe(true)
  })

  test('documents of a row are asked about apart, and a single token not at all', async () => {
    const ids = someIds(1, 6)
    const documents: Tensor = { dtype: 'i32', shape: [1, 6], data: Int32Array.of(0, 0, 0, 1, 2, 2) }
    const top = await make().top!({ ids, documents }, { k: 3 })
    expect(server.asked.map(({ prompt }) => prompt)).toEqual([
      [...(ids.data as Int32Array).slice(0, 3)],
      [...(ids.data as Int32Array).slice(4)],
    ])
    const expected = await topPass(model, backend, { ids, documents }, { k: 3, vocabulary: 64 })
    for (const position of [0, 1, 4])
      for (let i = 0; i < 3; i++) expect(top.ids.data[3 * position + i]).toBe(expected.ids.data[3 * position + i])
    for (const position of [2, 3, 5]) expect(top.logProbs.data[3 * position]).toBe(NO_TOKEN)
  })

  test('tokens that the student does not have are left to the rest', async () => {
    const top = await make({ vocabulary: 20 }).top!(question(), { k: 20 })
    expect([...(top.ids.data as Int32Array)].every(id => id < 20)).toBe(true)
    const all = await directly(64)
    const own = Array.from({ length: 64 }, (_, i) => i).filter(i => Number(all.ids.data[i]) < 20)
    // The server was asked for 20; those of them that are shared keep their ln p.
    expect(top.logProbs.data[0]).toBeCloseTo(all.logProbs.data[own[0]!]!, 5)
  })

  test('go into the same cache as any', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'endpoint-cache-'))
    try {
      const options = { folder, question: question(), k: 4, vocabulary: 64, shardRows: 1 }
      server.script.push(status(500), status(500))
      const first = writeTeacherCache({ ...options, teacher: make({ budget: { requests: 3 } }) })
      await expect(
        (async () => {
          for await (const _ of first);
        })(),
      ).rejects.toThrow('the budget for the teacher is used up: 3 of 3 requests are made')
      // One row came through after two refusals; it is not asked about again.
      const events = []
      for await (const event of writeTeacherCache({ ...options, teacher: make() })) events.push(event)
      expect(events.map(({ kept }) => kept)).toEqual([true, false])
      expect(server.asked.length).toBe(4)
      const cache = await openTeacherCache(folder)
      const top = await cache.top!(question(), { k: 4 })
      expect(top.ids.data.slice(0, 16)).toEqual((await directly(4)).ids.data.slice(0, 16))
      await cache.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('asking again', () => {
  const slow = { 'retry-after': '7' }
  test.each<[string, readonly Step[], readonly (readonly [number, number])[]]>([
    ['too many requests', [status(429, '', slow)], [[7000, 7000]]],
    ['to the millisecond', [status(429, '', { ...slow, 'retry-after-ms': '40' })], [[40, 40]]],
    [
      'faults of the server',
      [status(500), status(503), status(502)],
      [
        [1000, 2000],
        [2000, 4000],
        [4000, 8000],
      ],
    ],
    ['a wait that is too long', [status(503, '', { 'retry-after': '86400' })], [[1000, 2000]]],
    ['a wait that is none', [status(503, '', { 'retry-after': 'soon' })], [[1000, 2000]]],
    [
      'a wait until a date',
      [status(503, '', { 'retry-after': new Date(Date.now() + 50_000).toUTCString() })],
      [[5000, 50_000]],
    ],
    ['a connection closed before the answer', [response => void response.destroy()], [[1000, 2000]]],
    [
      'a connection closed in the middle of it',
      [
        response => {
          response.writeHead(200, { 'content-length': '5000' })
          response.write('{"choices": [')
          setTimeout(() => response.destroy(), 20)
        },
      ],
      [[1000, 2000]],
    ],
  ])('%s', async (_, steps, expected) => {
    server.script.push(...steps)
    expectSame(await make().top!(question(), { k: 3 }), await directly(3))
    expect(server.asked.length).toBe(2 + steps.length)
    expect(waits.length).toBe(expected.length)
    for (const [i, [least, most]] of expected.entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(least)
      expect(waits[i]).toBeLessThanOrEqual(most)
    }
  })

  test('no answer in time', async () => {
    server.script.push(() => {})
    expectSame(await make({ timeoutMs: 1000 }).top!(question(), { k: 3 }), await directly(3))
    // On a machine that has other things to do an answer may be late too.
    expect(server.asked.length).toBeGreaterThanOrEqual(3)
    expect(waits.length).toBe(server.asked.length - 2)
  })
})

const failing = (call: Promise<unknown>): Promise<TeacherError> =>
  call.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(TeacherError)
      return error as TeacherError
    },
  )

describe('what stays wrong is told', () => {
  const ask = (options: Partial<EndpointOptions> = {}) =>
    failing(make({ retries: 2, ...options }).top!(question(), { k: 3 }))
  const json = (value: unknown): Step => status(200, JSON.stringify(value))

  test('too many requests, for ever', async () => {
    server.script.push(...Array.from({ length: 3 }, () => status(429, '{"error": {"message": "slow down"}}')))
    const error = await ask()
    expect(error).toMatchObject({ failure: 'http', status: 429, code: 'teacher' })
    expect(error.message).toBe(`${server.url}/completions: 429: slow down; ask for less at a time, after 3 attempts`)
    expect([server.asked.length, waits.length]).toEqual([3, 2])
  })

  test('a wrong key: at once, and it is not repeated', async () => {
    server.script.push(status(401, '{"error": {"message": "Incorrect API key provided: sk-secret"}}'))
    const error = await ask({ apiKey: 'sk-secret' })
    expect(server.keys).toEqual(['Bearer sk-secret'])
    expect(error.message).toBe(`${server.url}/completions: 401: Incorrect API key provided: …; check the key`)
    expect(server.asked.length).toBe(1)
  })

  test.each<[string, Step, string]>([
    [
      'no such model',
      status(404, '{"message": "The model `tiny` does not exist."}'),
      '404: The model `tiny` does not exist.; check the address',
    ],
    ['a request that it does not understand', status(400, 'logprobs must be <= 5'), '400: logprobs must be <= 5'],
    ['nothing said', status(422), '422: without saying why'],
  ])('%s: at once', async (_, step, message) => {
    server.script.push(step)
    expect((await ask()).message).toContain(message)
    expect(server.asked.length).toBe(1)
  })

  test.each<[string, Step, string]>([
    ['half of JSON', status(200, '{"choices": [{"prompt_log'), 'expected JSON, got "{\\"choices\\": [{\\"prompt_log"'],
    ['a page', status(200, '<html>'), 'expected JSON, got "<html>"'],
    ['nothing', status(200), 'expected JSON, got nothing'],
    [
      'no probabilities',
      json({ choices: [{ text: 'x' }] }),
      'the answer has no prompt_logprobs: choices.0.prompt_logprobs',
    ],
    [
      'another number of tokens',
      json({ choices: [{ prompt_logprobs: [null, null] }] }),
      'the server read another text: it has 2 tokens, and was given 5',
    ],
    [
      'other tokens',
      json({ choices: [{ prompt_logprobs: [null, ...Array(4).fill({ '63': { logprob: -1 } })] }] }),
      'the server read another text: it has another token than',
    ],
    [
      'probabilities above 1',
      json({ choices: [{ prompt_logprobs: [null, { '1': { logprob: 2 } }, null, null, null] }] }),
      'Too big',
    ],
    [
      'words for numbers',
      json({ choices: [{ prompt_logprobs: [null, { '1': { logprob: 'x' } }, null, null, null] }] }),
      'expected number',
    ],
  ])('%s is not asked for again', async (_, step, message) => {
    server.script.push(step)
    const error = await ask()
    expect(error.failure).toBe('parse')
    expect(error.message).toContain(message)
    expect(server.asked.length).toBe(1)
  })

  test('an echo of another text', async () => {
    server.script.push(
      json({
        choices: [
          { logprobs: { tokens: ['t9', 't9', 't9', 't9', 't9', 'x'], top_logprobs: Array(6).fill({ t1: -1 }) } },
        ],
      }),
    )
    expect((await ask({ style: 'echo' })).message).toContain('the server read another text: it has token 9')
  })

  test('a server that is not there', async () => {
    const gone = await play()
    await gone.close()
    const error = await ask({ url: gone.url })
    expect(error.failure).toBe('network')
    expect(error.message).toContain('ECONNREFUSED')
    expect(error.message).toContain('after 3 attempts')
  })

  test('a server that never answers', async () => {
    server.script.push(...Array.from({ length: 3 }, () => () => {}))
    const error = await ask({ timeoutMs: 100 })
    expect(error.failure).toBe('timeout')
    expect(error.message).toContain('no answer within 0.1 s, after 3 attempts')
  })

  test('an address that is none', () => {
    expect(() => make({ url: 'localhost:8000' })).toThrow("a teacher's address is http:// or https://")
    expect(() => make({ url: 'file:///etc/passwd' })).toThrow("a teacher's address is")
    expect(() => make({ url: 'https://me:secret@example.org/v1' })).toThrow('not https://example.org/v1')
  })

  test('nothing where something is to be learnt', async () => {
    server.script.push((response, { prompt }) => {
      const list = prompt.map((id, i) => (i === 2 ? null : { [id]: { logprob: -1 } }))
      response.end(JSON.stringify({ choices: [{ prompt_logprobs: list }] }))
    })
    await expect(withTop(make(), [everyToken(question().ids)], { k: 2 })).rejects.toThrow(
      'says nothing about what follows token 1 of row 0, which is to be learnt',
    )
  })
})

describe('stopping', () => {
  test('while it waits for an answer', async () => {
    const stop = new AbortController()
    server.script.push(() => stop.abort(new Error('enough')))
    await expect(make().top!(question(), { k: 3, signal: stop.signal })).rejects.toThrow('enough')
    expect(server.asked.length).toBe(1)
  })

  test('while it waits to ask again', async () => {
    const stop = new AbortController()
    server.script.push(status(429, '', { 'retry-after': '50' }))
    // Its own clock: aborted from outside while it sleeps.
    const call = endpointTeacher({ url: server.url, model: 'tiny', style: 'prompt-logprobs', vocabulary: 64 }).top!(
      question(),
      { k: 3, signal: stop.signal },
    )
    setTimeout(() => stop.abort(new Error('enough')), 100)
    await expect(call).rejects.toThrow('enough')
  })

  test('before it starts', async () => {
    await expect(make().top!(question(), { k: 3, signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow(
      'never',
    )
    expect(server.asked.length).toBe(0)
  })

  test('one failure ends the other requests', async () => {
    const ids = someIds(40, 4)
    server.script.push(
      () => {},
      () => {},
      status(400, 'no'),
    )
    await expect(make({ concurrency: 3 }).top!({ ids }, { k: 2 })).rejects.toThrow('400: no')
    expect(server.asked.length).toBe(3)
  })
})

describe('a budget', () => {
  test('of requests is never passed', async () => {
    const limited = make({ budget: { requests: 1 } })
    expect((await failing(limited.top!(question(), { k: 3 }))).failure).toBe('budget')
    expect(server.asked.length).toBe(1)
    expect(limited.spent).toEqual({ requests: 1, tokens: 6 })
  })

  test('of tokens counts what the server counted', async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 1 }
    server.script.push(async (response, body) => {
      response.end(JSON.stringify({ ...((await answer(body)) as object), usage }))
    })
    const limited = make({ budget: { tokens: 105 } })
    const error = await failing(limited.top!(question(), { k: 3 }))
    expect(error.message).toContain('101 of 105 tokens are used, and the next request has about 6')
    expect(server.asked.length).toBe(1)
  })

  test('is enough when it is just enough', async () => {
    const limited = make({ budget: { requests: 2, tokens: 12 } })
    expectSame(await limited.top!(question(), { k: 3 }), await directly(3))
    expect(limited.spent).toEqual({ requests: 2, tokens: 12 })
  })

  test('attempts are requests, and what was refused used no tokens', async () => {
    server.script.push(status(500), status(500))
    const teacher = make()
    await teacher.top!(question(), { k: 3 })
    expect(teacher.spent).toEqual({ requests: 4, tokens: 12 })
  })
})
