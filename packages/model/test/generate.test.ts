import {
  createGenerator,
  forward,
  generate,
  headInputs,
  headSlices,
  logits,
  type Model,
  type SamplingOptions,
  sampleToken,
} from '@sinter/model'
import { type Backend, createRng, ortNodeBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { collect, maxDifference, withFolder } from './helpers/family-folders.ts'

const backend: Backend = ortNodeBackend({ threads: 1 })
afterAll(() => backend.close())

const ids = (rows: readonly (readonly number[])[]): Tensor => ({
  dtype: 'i32',
  shape: [rows.length, rows[0]!.length],
  data: Int32Array.from(rows.flat()),
})
const numbers = (length: number, seed: string): number[] => {
  const rng = createRng(seed)
  return Array.from({ length }, () => rng.integer(96))
}

/** The likeliest next tokens, each from the whole text anew. */
async function withoutCache(model: Model, prompt: readonly number[], count: number): Promise<number[]> {
  const text = [...prompt]
  for (let i = 0; i < count; i++) {
    const all = (await logits(model, backend, ids([text]))).get('logits') as TensorF32
    const last = all.data.subarray(-model.config.vocabSize)
    text.push(last.indexOf(Math.max(...last)))
  }
  return text.slice(prompt.length)
}

describe('generation', () => {
  test('a prompt longer than a chunk continues as without a cache', () =>
    withFolder('llama-mqa-headdim-bias', async ({ model }) => {
      const prompt = numbers(270, 'long')
      const made = await collect(generate(model, backend, prompt, { tokens: 3, stopIds: [] }))
      expect(made).toEqual(await withoutCache(model, prompt, 3))
    }))

  test('windows in a cache: gemma 3, and longrope that switches its factors in the middle', async () => {
    for (const name of ['gemma3-linear-global', 'phi3-longrope-long'] as const)
      await withFolder(name, async ({ model }) => {
        const prompt = numbers(12, name)
        const made = await collect(generate(model, backend, prompt, { tokens: 8, stopIds: [] }))
        expect(made).toEqual(await withoutCache(model, prompt, 8))
      })
  })

  test('stops before a stop id, and starts anew for the next prompt', () =>
    withFolder('gpt2-hub-names', async ({ model, expected }) => {
      const greedy = [...expected.f64('greedy')]
      const prompt = [...expected.f64('input_ids').slice(0, 8)]
      const generator = await createGenerator(model, backend)
      const stop = greedy[3]!
      const short = await collect(generator.generate(prompt, { tokens: 8, stopIds: [stop] }))
      expect(short).toEqual(greedy.slice(0, greedy.indexOf(stop)))
      expect(await collect(generator.generate(prompt, { tokens: 8, stopIds: [] }))).toEqual(greedy)
      const sample = () => collect(generator.generate(prompt, { tokens: 8, stopIds: [], temperature: 1, seed: 7 }))
      expect(await sample()).toEqual(await sample())
      await generator.close()
    }))

  test('what it refuses', () =>
    withFolder('gpt2-hub-names', async ({ model }) => {
      const generator = await createGenerator(model, backend)
      const run = (prompt: number[], options: SamplingOptions & { tokens: number; signal?: AbortSignal }) =>
        collect(generator.generate(prompt, { stopIds: [], ...options }))
      await expect(run([], { tokens: 1 })).rejects.toThrow(/the prompt has no tokens/)
      await expect(run([1], { tokens: 1, temperature: -1 })).rejects.toThrow(/temperature: expected/)
      await expect(run([1], { tokens: 1, topP: 0 })).rejects.toThrow(/topP: expected/)
      await expect(run([1], { tokens: 1, topK: 1.5 })).rejects.toThrow(/topK: expected/)
      await expect(run(numbers(48, 'full'), { tokens: 2 })).rejects.toThrow(/the model has learned only 48/)
      await expect(run([1], { tokens: 1, signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
      await expect(createGenerator(model, backend, AbortSignal.abort())).rejects.toThrow(/abort/)
      await generator.close()
    }))
})

describe('sampling', () => {
  const values = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 40 })

  test('greedy, the likeliest one, and a tiny nucleus are one', () => {
    fc.assert(
      fc.property(values, fc.integer(), (list, seed) => {
        const row = Float32Array.from(list)
        const best = row.indexOf(Math.max(...row))
        const draw = (options: SamplingOptions) => sampleToken(row, options, createRng(seed))
        expect(draw({})).toBe(best)
        expect(draw({ temperature: 1, topK: 1 })).toBe(best)
        expect(draw({ temperature: 1, topP: 1e-9 })).toBe(best)
      }),
    )
  })

  test('a nucleus larger than what is searched first is found whole', () => {
    const row = Float32Array.from({ length: 800 }, (_, i) => -i / 800)
    const rng = createRng('wide')
    const seen = new Set(Array.from({ length: 4000 }, () => sampleToken(row, { temperature: 1, topP: 0.5 }, rng)))
    // e^(−x) on 0 … 1 reaches half of its sum at x = −ln((1 + 1/e) / 2) = 0.3799.
    expect(Math.max(...seen)).toBeLessThanOrEqual(304)
    expect(Math.max(...seen)).toBeGreaterThan(300)
  })

  test('tokens come as often as their probabilities say', () => {
    const probabilities = [0.5, 0.25, 0.15, 0.1]
    const row = Float32Array.from(probabilities, p => 2 * Math.log(p))
    const count = (options: SamplingOptions) => {
      const rng = createRng('frequencies')
      const seen = [0, 0, 0, 0]
      for (let i = 0; i < 20000; i++) seen[sampleToken(row, options, rng)]! += 1 / 20000
      return seen
    }
    const near = (seen: readonly number[], wanted: readonly number[]) =>
      expect(Math.max(...seen.map((share, i) => Math.abs(share - wanted[i]!)))).toBeLessThan(0.015)
    near(count({ temperature: 2 }), probabilities)
    near(count({ temperature: 2, topK: 2 }), [2 / 3, 1 / 3, 0, 0])
    near(count({ temperature: 2, topP: 0.8 }), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0])
  })
})

describe('forward', () => {
  test('many batches of different shapes, as each alone', () =>
    withFolder('gemma2-softcap', async ({ model }) => {
      const shapes = [
        [2, 10],
        [1, 7],
        [2, 10],
        [1, 7],
        [2, 10],
      ] as const
      const inputs = shapes.map(([b, t], i) => ids(Array.from({ length: b }, (_, r) => numbers(t, `${i}/${r}`))))
      const blocks: number[] = []
      const batches = await forward(model, inputs, { backend, onBlock: done => void blocks.push(done) })
      expect(blocks).toEqual([1, 2, 3])
      const heads = await collect(headInputsRead(model, batches))
      for (const [i, input] of inputs.entries()) {
        const alone = await logits(model, backend, input, { hidden: true })
        expect(maxDifference(await batches[i]!.hidden.read(), alone.get('hidden.3')!)).toBe(0)
        expect(maxDifference(heads[i]!, alone.get('head_input')!)).toBe(0)
      }
      for (const { hidden } of batches) hidden.release()
    }))

  async function* headInputsRead(model: Model, batches: Awaited<ReturnType<typeof forward>>): AsyncGenerator<Tensor> {
    for await (const { headInput } of headInputs(model, backend, batches)) yield await headInput.read()
  }

  test('the output embedding comes whole in slices', () =>
    withFolder('opt-350m-style', async ({ model }) => {
      const whole = (await model.readHeadRows(0, 96)).weight
      const slices: number[] = []
      let start = 0
      for await (const slice of headSlices(model, backend, 40)) {
        expect(slice.start).toBe(start)
        start += slice.count
        slices.push(...((await slice.weight.read()) as TensorF32).data)
      }
      expect(slices).toEqual([...whole.data])
    }))

  test('stops when told to', () =>
    withFolder('gemma2-softcap', async ({ model }) => {
      const controller = new AbortController()
      const onBlock = () => controller.abort()
      const run = forward(model, [ids([[1, 2, 3]])], { backend, onBlock, signal: controller.signal })
      await expect(run).rejects.toThrow(/abort/)
    }))
})
