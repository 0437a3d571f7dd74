import { fileURLToPath } from 'node:url'
import {
  createLearner,
  crossEntropy,
  everyToken,
  type LowRankFactors,
  type Model,
  openModel,
  type TrainMethod,
  type TrainSetup,
  type TrainTokens,
} from '@sinter/model'
import { mergedModel, randomModel, readGolden } from '@sinter/model/testing'
import { type Backend, ortNodeBackend, referenceBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutLora, dylora, lora, loraA, loraB, loraRewrite, mergeLora } from '../src/index.ts'
import { shortTraining } from './helpers/short-training.ts'

const LAYER = 'model.layers.0.self_attn.q_proj'
const ids: Tensor = { dtype: 'i32', shape: [1, 8], data: Int32Array.of(3, 17, 5, 30, 2, 11, 39, 8) }

let backend: Backend
beforeAll(() => {
  backend = ortNodeBackend({ threads: 1 })
})
afterAll(() => backend.close())

const start = <O>(method: TrainMethod<O>, model: Model, options: object, seed = 3): Promise<TrainSetup> =>
  method.setUp(model, method.options.parse(options), { seed })
const bytes = (tensors: ReadonlyMap<string, TensorF32>) =>
  new Map([...tensors].map(([name, { data }]) => [name, data.slice()]))

test('with one rank to draw it is LoRA, to the byte', async () => {
  const model = randomModel()
  const results = []
  for (const setup of [
    await start(lora, model, { rank: 4, alpha: 4 }),
    await start(dylora, model, { rank: 4, minRank: 4, alpha: 4 }),
  ]) {
    const losses = await shortTraining(model, setup, backend, { steps: 6, batch: () => everyToken(ids) })
    results.push({ losses, values: bytes(setup.parameters) })
  }
  expect(results[1]).toEqual(results[0])
})

describe('a step', () => {
  /** The rank that a step draws, read off the gate. */
  const drawn = (setup: TrainSetup, step: number): number => {
    setup.beforeStep!({ step, steps: 100 })
    return [...setup.stepInputs!.values()][0]!.data.filter(g => g !== 0).length
  }

  test('draws every rank of the range, the same for all layers, by its number and the seed alone', async () => {
    const model = randomModel()
    const [one, two, other] = [
      await start(dylora, model, { rank: 6, minRank: 2 }),
      await start(dylora, model, { rank: 6, minRank: 2 }),
      await start(dylora, model, { rank: 6, minRank: 2 }, 4),
    ]
    const ranks = Array.from({ length: 60 }, (_, step) => drawn(one, step))
    expect([...new Set(ranks)].sort()).toEqual([2, 3, 4, 5, 6])
    expect([59, 3, 17].map(step => drawn(two, step))).toEqual([59, 3, 17].map(step => ranks[step]))
    expect(Array.from({ length: 60 }, (_, step) => drawn(other, step))).not.toEqual(ranks)
    expect(new Set([...one.stepInputs!.values()].map(({ data }) => data.join())).size).toBe(1)
  })

  test('computes with the adapter cut to that rank', async () => {
    const model = randomModel()
    const setup = await start(dylora, model, { rank: 5, alpha: 6 })
    await shortTraining(model, setup, backend, { steps: 8, batch: () => everyToken(ids) })
    const exact = referenceBackend({ wide: true })
    const step = Array.from({ length: 50 }, (_, i) => i).find(i => drawn(setup, i) === 3)!
    setup.beforeStep!({ step, steps: 100 })
    const { rewrite, parameters, stepInputs } = setup
    const gated = createLearner(model, {
      backend: exact,
      objective: crossEntropy,
      rewrite,
      parameters,
      stepInputs: stepInputs!,
    })
    const cut = new Map<string, TensorF32>()
    for (const [layer, factors] of setup.adapter!()) {
      const { a, b } = cutLora(factors, 3)
      cut.set(loraA(layer), a).set(loraB(layer), b)
    }
    const plain = createLearner(model, {
      backend: exact,
      objective: crossEntropy,
      rewrite: loraRewrite({ rank: 3, alpha: 6, targets: () => true }),
      parameters: cut,
    })
    const [a, b] = [await gated.gradients([everyToken(ids)]), await plain.gradients([everyToken(ids)])]
    expect(a.terms.loss).toBeCloseTo(b.terms.loss!, 6)
    for (const [name, gradient] of b.gradients) {
      const own = a.gradients.get(name)!
      const isA = name.includes('lora_A')
      const used = (i: number) => (isA ? i < gradient.length : i % 5 < 3)
      const [inside, outside] = [own.filter((_, i) => used(i)), own.filter((_, i) => !used(i))]
      expect(outside.every(g => g === 0)).toBe(true)
      expect(Math.max(...inside.map((g, i) => Math.abs(g - gradient[i]!)))).toBeLessThan(1e-6)
    }
  })

  test.each(['used', 'last'] as const)(
    'moves: %s; the others keep every bit, whatever momentum and decay want',
    async moves => {
      const model = randomModel()
      const setup = await start(dylora, model, { rank: 5, moves })
      const [a, b] = [setup.parameters.get(loraA(LAYER))!, setup.parameters.get(loraB(LAYER))!]
      const component = (r: number) => [
        ...a.data.subarray(16 * r, 16 * (r + 1)),
        ...b.data.filter((_, i) => i % 5 === r),
      ]
      let before = Array.from({ length: 5 }, (_, r) => component(r))
      let seen = 0
      await shortTraining(model, setup, backend, {
        steps: 12,
        weightDecay: 0.5,
        batch: () => everyToken(ids),
        onStep(step) {
          const after = Array.from({ length: 5 }, (_, r) => component(r))
          const rank = drawn(setup, step)
          setup.afterStep!({ step, steps: 12 }, new Map())
          const moved = after.map((values, r) => values.join() !== before[r]!.join())
          const expected = moved.map((_, r) => (moves === 'used' ? r < rank : r === rank - 1))
          expect(moved, `rank ${rank}`).toEqual(expected)
          before = after
          seen++
        },
      })
      expect(seen).toBe(12)
    },
  )
})

test('cut to a small rank it has less loss than LoRA that is cut there', async () => {
  const folder = new URL('./fixtures/training/', import.meta.url)
  const model = await openModel(fileURLToPath(new URL('teacher', folder)))
  const text = readGolden(new URL('lora.safetensors', folder)).tensor('input_ids').data as Int32Array
  const batches = Array.from({ length: 10 }, (_, i) =>
    everyToken({ dtype: 'i32', shape: [2, 16], data: text.slice(32 * i, 32 * (i + 1)) }),
  )
  const trained = async <O>(method: TrainMethod<O>) => {
    const setup = await start(method, model, { rank: 8, alpha: 8 })
    await shortTraining(model, setup, backend, { steps: 150, batch: step => batches[step % 10]! })
    return setup.adapter!()
  }
  const [plain, dynamic] = [await trained(lora), await trained(dylora)]
  for (const rank of [1, 2, 4]) {
    const cut = (factors: LowRankFactors) => cutLora(factors, rank)
    const unscaled = (factors: LowRankFactors) => ({ ...cut(factors), scale: factors.scale })
    const ours = await lossWith(model, dynamic, cut, batches)
    expect(ours, `rank ${rank}`).toBeLessThan(0.9 * (await lossWith(model, plain, cut, batches)))
    // LoRA was not trained to be scaled as that rank asks for.
    expect(ours, `rank ${rank}`).toBeLessThan(0.9 * (await lossWith(model, plain, unscaled, batches)))
  }
  await model.close()
})

async function lossWith(
  model: Model,
  adapter: ReadonlyMap<string, LowRankFactors>,
  change: (factors: LowRankFactors) => LowRankFactors,
  batches: readonly TrainTokens[],
): Promise<number> {
  const merge = (layer: string, weight: TensorF32) => mergeLora(weight, change(adapter.get(layer)!))
  const merged = await mergedModel(model, { parameters: new Map(), merge })
  const learner = createLearner(merged, { backend, objective: crossEntropy, parameters: new Map() })
  const { loss } = await learner.evaluate(batches)
  await learner.close()
  return loss!
}

test('ranges that make no sense are refused', () => {
  expect(() => dylora.options.parse({ rank: 4, minRank: 5 })).toThrow(/at most rank/)
  expect(() => dylora.options.parse({ rank: 4, keep: 5 })).toThrow(/at most rank/)
})
