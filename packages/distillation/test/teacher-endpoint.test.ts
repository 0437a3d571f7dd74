import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TopTokens } from '@sinter/model'
import type { Tensor } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { type EndpointStyleName, NO_TOKEN, openTeacherCache, writeTeacherCache } from '../src/index.ts'
import { topPass } from '../src/top-pass.ts'
import {
  backend,
  directly,
  expectSame,
  make,
  model,
  question,
  type Step,
  server,
  status,
  waits,
} from './helpers/endpoint.ts'
import { someIds } from './helpers/tiny.ts'

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

  test('go into the cache that a local teacher would fill', async () => {
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
