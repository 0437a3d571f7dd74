import { everyToken } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { type EndpointOptions, endpointTeacher, TeacherError, withTop } from '../src/index.ts'
import {
  answer,
  directly,
  expectSame,
  make,
  play,
  question,
  type Step,
  server,
  status,
  waits,
} from './helpers/endpoint.ts'
import { someIds } from './helpers/tiny.ts'

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
