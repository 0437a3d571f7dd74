import type { Model } from '@sinter/model'
import { type Backend, constant, mul, type Node, ortNodeBackend, referenceBackend, tanh } from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { headPass, type Side } from '../src/head-pass.ts'

const onnx = ortNodeBackend({ threads: 1 })
const reference = referenceBackend()
afterAll(() => onnx.close())

interface Fake {
  /** `[vocabulary, width]` */
  readonly weight: Float32Array
  readonly bias?: Float32Array
  readonly width: number
  readonly softcap?: number
}

/** A model that is only a head. */
function fakeModel({ weight, bias, width, softcap }: Fake): Model {
  const model: Partial<Model> = {
    config: { vocabSize: weight.length / width } as Model['config'],
    readHeadRows: async (start, count) => ({
      weight: { dtype: 'f32', shape: [count, width], data: weight.slice(start * width, (start + count) * width) },
      ...(bias && { bias: { dtype: 'f32', shape: [count], data: bias.slice(start, start + count) } }),
    }),
    finishLogits: (logits: Node) =>
      softcap ? mul(tanh(mul(logits, constant(1 / softcap))), constant(softcap)) : logits,
  }
  return model as Model
}

/** Head inputs in chunks of uneven size. */
async function side(backend: Backend, fake: Fake, x: Float32Array, chunkTokens = 3): Promise<Side> {
  const { width } = fake
  const chunks = []
  for (let first = 0; first < x.length / width; first += chunkTokens) {
    const data = x.slice(first * width, (first + chunkTokens) * width)
    const tokens = data.length / width
    chunks.push({ first, tokens, rows: await backend.upload({ dtype: 'f32', shape: [tokens, width], data }) })
  }
  return { model: fakeModel(fake), inputs: { width, chunks, release() {} } }
}

/** All logits at once, in f64, by the textbook. */
function bruteForce({ weight, bias, width, softcap }: Fake, x: Float32Array): number[][] {
  return Array.from({ length: x.length / width }, (_, t) =>
    Array.from({ length: weight.length / width }, (_, v) => {
      let sum = bias ? bias[v]! : 0
      for (let i = 0; i < width; i++) sum += x[t * width + i]! * weight[v * width + i]!
      return softcap ? softcap * Math.tanh(sum / softcap) : sum
    }),
  )
}

const logSoftmax = (row: number[]) => {
  const sum = Math.log(row.reduce((s, value) => s + Math.exp(value), 0))
  return row.map(value => value - sum)
}

function random(length: number, seed: number, scale: number): Float32Array {
  let state = seed * 2654435761 + 99
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * scale
  })
}

const tokens = 8
const vocabulary = 61
const base: Fake = { weight: random(vocabulary * 5, 1, 2), bias: random(vocabulary, 2, 1), width: 5 }
const model: Fake = { weight: random(vocabulary * 7, 3, 2), width: 7, softcap: 6 }
const xb = random(tokens * 5, 4, 1.5)
const xm = random(tokens * 7, 5, 1.5)
const targets = Int32Array.from({ length: tokens }, (_, i) => (i * 17 + 60) % vocabulary)

describe.each([
  ['interpreter', reference, 1e-6],
  ['ONNX Runtime', onnx, 2e-6],
] as const)('head pass, %s', (_, backend, tolerance) => {
  test.each([64, 16 * 7 * 4, 2 ** 20])('equals all logits at once (slices of %i bytes)', async sliceBytes => {
    const sides = [await side(backend, model, xm), await side(backend, base, xb)] as const
    const scores = await headPass(targets, sides[0], sides[1], { backend, sliceBytes })
    const q = bruteForce(model, xm).map(logSoftmax)
    const p = bruteForce(base, xb).map(logSoftmax)
    for (let t = 0; t < tokens; t++) {
      expect(scores.nll[t]).toBeCloseTo(-q[t]![targets[t]!]!, 5)
      expect(scores.base!.nll[t]).toBeCloseTo(-p[t]![targets[t]!]!, 5)
      const kl = p[t]!.reduce((sum, lp, v) => sum + Math.exp(lp) * (lp - q[t]![v]!), 0)
      expect(Math.abs(scores.base!.kl[t]! - kl)).toBeLessThan(tolerance)
      const top = (row: number[]) => row.indexOf(Math.max(...row))
      expect(scores.base!.sameTop[t]).toBe(top(p[t]!) === top(q[t]!) ? 1 : 0)
    }
  })

  test('a model against itself: no divergence at all, every top token the same', async () => {
    const sides = [await side(backend, base, xb), await side(backend, base, xb)] as const
    const scores = await headPass(targets, sides[0], sides[1], { backend, sliceBytes: 16 * 5 * 4 })
    expect(Math.max(...scores.base!.kl.map(Math.abs))).toBeLessThan(1e-12)
    expect(scores.base!.sameTop.every(same => same === 1)).toBe(true)
  })

  test('closed form: uniform over V against c on one token is ln((eᶜ + V − 1)/V) − c/V', async () => {
    const one = Float32Array.of(1, 1)
    for (const c of [0, 0.5, 3, 9]) {
      const peaked = new Float32Array(40)
      peaked[17] = c
      const sides = [
        await side(backend, { weight: peaked, width: 1 }, one),
        await side(backend, { weight: new Float32Array(40), width: 1 }, one),
      ] as const
      const { base, nll } = await headPass(Int32Array.of(17, 3), sides[0], sides[1], { backend, sliceBytes: 64 })
      const expected = Math.log((Math.exp(c) + 39) / 40) - c / 40
      expect(Math.abs(base!.kl[0]! - expected)).toBeLessThan(1e-6)
      expect(nll[0]).toBeCloseTo(Math.log(Math.exp(c) + 39) - c, 5)
      expect(base!.nll[1]).toBeCloseTo(Math.log(40), 6)
    }
  })

  test('without a base there are only the negative log-likelihoods', async () => {
    const scores = await headPass(targets, await side(backend, base, xb), undefined, { backend })
    expect(scores.base).toBeUndefined()
    expect(scores.nll.length).toBe(tokens)
  })

  test('logits that are not finite are an error, not a number', async () => {
    const broken = { ...base, bias: base.bias!.map((value, i) => (i === 20 ? Number.NaN : value)) }
    await expect(headPass(targets, await side(backend, broken, xb), undefined, { backend })).rejects.toThrow(
      'the model gives logits that are not finite at 8 of 8 positions',
    )
  })

  test('an aborted pass stops', async () => {
    const signal = AbortSignal.abort()
    await expect(headPass(targets, await side(backend, base, xb), undefined, { backend, signal })).rejects.toThrow(
      'abort',
    )
  })
})

test('KL is never negative, whatever the logits and the slicing', async () => {
  const logit = fc.float({ min: -30, max: 30, noNaN: true })
  const pair = fc.array(fc.tuple(logit, logit), { minLength: 1, maxLength: 70 })
  await fc.assert(
    fc.asyncProperty(pair, async rows => {
      const fakes = [0, 1].map(k => ({ weight: Float32Array.from(rows, row => row[k]!), width: 1 }))
      const one = Float32Array.of(1)
      const sides = [await side(reference, fakes[0]!, one), await side(reference, fakes[1]!, one)] as const
      const { base } = await headPass(Int32Array.of(0), sides[0], sides[1], { backend: reference, sliceBytes: 64 })
      // Results are handed over in f32: a difference of logits of 60 carries an error of 4e-6.
      expect(base!.kl[0]).toBeGreaterThan(-1e-5)
    }),
  )
})
