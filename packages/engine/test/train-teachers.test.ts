import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '@sinter/model'
import { createRng, type TensorF32, toF32 } from '@sinter/tensor-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { at, demoPath, recipeOf, refusal, runTraining } from './train-setup.ts'

/** The demo model with noise in its matrices: somebody else, with the same tokens. */
async function other(name: string): Promise<string> {
  const path = at(name)
  await cp(demoPath, path, { recursive: true })
  const file = join(path, 'model.safetensors')
  const rng = createRng(name)
  const noisy = (tensor: TensorF32): TensorF32 => ({ ...tensor, data: tensor.data.map(x => x + 0.01 * rng.normal()) })
  const { tensors } = decodeSafetensors(await readFile(file))
  await writeFile(file, encodeSafetensors(new Map([...tensors].map(([key, value]) => [key, noisy(toF32(value))]))))
  return path
}

const full = { method: { name: 'full' }, steps: 3, learningRate: 1e-4 } as const
let [one, two] = ['', '']
beforeAll(async () => {
  one = await other('teacher-one')
  two = await other('teacher-two')
})

let runs = 0
const losses = async (over: Parameters<typeof recipeOf>[0]) =>
  (await runTraining({ ...full, ...over }, { out: at(`taught-by-${runs++}`) })).result.losses

describe('a teacher that is asked beforehand', () => {
  test('all of its tokens teach as the model itself does, to the precision of the cache', async () => {
    const beside = await losses({ teacher: one, loss: { alpha: 1 } })
    const cache = at('cache')
    const asked = await losses({ teacher: { model: one, cache }, loss: { alpha: 1, k: 1024 } })
    for (const [i, loss] of beside.entries()) expect(Math.abs(asked[i]! / loss - 1)).toBeLessThan(1e-2)
    // What is in the cache needs nobody to ask.
    expect(await losses({ teacher: { cache }, loss: { alpha: 1, k: 1024 } })).toEqual(asked)
  })

  test('a cache that is not there has nobody to ask', async () => {
    const never = { teacher: { cache: at('no-cache') } }
    const error = await refusal(runTraining({ ...full, ...never }, { out: at('never-cached') }))
    expect(error.message).toMatch(/no-cache: there is no teacher cache/)
  })

  test('a server is asked once', async () => {
    const asked: number[][] = []
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request) body += part
      const { prompt } = JSON.parse(body) as { prompt: number[] }
      asked.push(prompt)
      const entry = (id: number) => ({
        [id]: { logprob: Math.log(0.7) },
        [(id + 1) % 1024]: { logprob: Math.log(0.2) },
      })
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ choices: [{ text: '', prompt_logprobs: prompt.map((id, i) => (i > 0 ? entry(id) : null)) }] }),
      )
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const teacher = { url, name: 'one', style: 'prompt-logprobs', cache: at('server-cache') } as const
    const first = await losses({ teacher, loss: { k: 2 } })
    const requests = asked.length
    expect(requests).toBeGreaterThan(3)
    await new Promise(done => server.close(done))
    expect(await losses({ teacher, loss: { k: 2 } })).toEqual(first)
    expect(asked.length).toBe(requests)
  })

  test('a key that is not in the environment', async () => {
    const teacher = {
      url: 'http://127.0.0.1:9/v1',
      name: 'x',
      style: 'echo',
      cache: at('none'),
      keyVariable: 'NO_SUCH_KEY',
    }
    const error = await refusal(runTraining({ ...full, teacher: teacher as never }, { out: at('never-keyed') }))
    expect(error.message).toMatch(/the environment has no NO_SUCH_KEY/)
  })
})

describe('several teachers', () => {
  test('twice the same is that one; all the weight on the first is the first', async () => {
    const alone = await losses({ teacher: one, loss: { alpha: 1 } })
    const twice = await losses({ teacher: [one, one], loss: { alpha: 1 } })
    const weighted = await losses({ teacher: [one, two], loss: { alpha: 1, combine: 'losses', weights: [1, 0] } })
    for (const [i, loss] of alone.entries()) {
      expect(Math.abs(twice[i]! / loss - 1)).toBeLessThan(1e-3)
      expect(Math.abs(weighted[i]! / loss - 1)).toBeLessThan(1e-3)
    }
    expect((await losses({ teacher: [one, two], loss: { alpha: 1 } }))[0]).not.toBeCloseTo(alone[0]!, 4)
  })
})

describe('what is inside', () => {
  test('hidden states and relations are terms of the loss, and fall', async () => {
    const features = { hidden: { loss: 'mse' }, relations: {} } as const
    const { result } = await runTraining(
      { ...full, steps: 40, teacher: one, features, loss: { alpha: 1 } },
      { out: at('taught-inside') },
    )
    const { before, after } = result
    for (const name of ['hidden.mse.2-2', 'hidden.mse.4-4']) expect(after![name]!, name).toBeLessThan(before![name]!)
    expect(Object.keys(before!).some(name => name.startsWith('relation'))).toBe(true)
    await rm(at('taught-inside'), { recursive: true })
  })
})

describe('recipes', () => {
  const cases: readonly [string, Parameters<typeof recipeOf>[0], RegExp][] = [
    [
      'a server without a cache',
      { teacher: { url: 'http://a/v1', name: 'x', style: 'echo' } as never },
      /teacher\.cache/,
    ],
    [
      'unknown style',
      { teacher: { url: 'http://a/v1', name: 'x', style: 'ecko', cache: 'c' } as never },
      /teacher\.style: .*echo/,
    ],
    [
      'a loss that such a teacher has not',
      { teacher: { cache: 'c' }, loss: { divergence: 'jsd' } },
      /loss\.divergence: unknown key/,
    ],
    ['weights that are too many', { teacher: ['a', 'b'], loss: { weights: [1, 2, 3] } }, /3 weights for 2 teachers/],
    ['features of a cache', { teacher: { cache: 'c' }, features: { hidden: {} } }, /features: looks inside a teacher/],
    ['features without a teacher', { features: { hidden: {} } }, /features: speaks of a teacher/],
  ]
  test.each(cases)('%s', (_, over, says) => {
    expect(() => recipeOf({ ...full, ...over })).toThrow(says)
  })
})
