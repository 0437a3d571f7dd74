import { fileURLToPath } from 'node:url'
import { adamw, createLearner, crossEntropy, everyToken, type GradientMap, openModel, train } from '@sinter/model'
import { randomModel, readGolden } from '@sinter/model/testing'
import { createRng, f32, ortNodeBackend, type Tensor } from '@sinter/tensor-core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { adalora, budgetAction, mostImportant, orthogonality } from '../src/index.ts'

const folder = new URL('./fixtures/training/', import.meta.url)

const options = { initialRank: 4, rank: 2, alpha: 8, warmup: 5, final: 8, every: 2 }

/** 30 steps recorded from PEFT in f64 (tools/bench/peers/adalora-trajectory.py): ranks from 4 to 2 on 14 layers. */
test('the recorded trajectory: losses with their penalty, ranks after every step, factors at the end', async () => {
  const golden = readGolden(new URL('adalora.safetensors', folder))
  const model = await openModel(fileURLToPath(new URL('teacher', folder)))
  const backend = ortNodeBackend({ threads: 1 })
  const setup = await adalora.setUp(model, adalora.options.parse(options), { seed: 0 })
  const { parameters } = setup
  for (const [name, { data }] of parameters) data.set(golden.f64(`init.${name.replace('.weight', '')}`))
  const learner = createLearner(model, { backend, objective: crossEntropy, parameters, rewrite: setup.rewrite })
  const ids = golden.tensor('input_ids').data as Int32Array
  const batch = (step: number): Tensor => ({
    dtype: 'i32',
    shape: [2, 16],
    data: ids.slice(32 * (step % 10), 32 * ((step % 10) + 1)),
  })
  const ranks = golden.tensor('ranks').data as Int32Array
  const [losses, norms] = [golden.f64('losses'), golden.f64('grad_norms')]
  for await (const event of train({
    learner,
    parameters,
    hooks: setup,
    optimizer: adamw,
    optimizerOptions: adamw.options.parse({ weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }) as never,
    learningRate: 0.01,
    schedule: () => 1,
    steps: 30,
    clip: 1,
    batches: async step => [everyToken(batch(step))],
  })) {
    if (event.type !== 'step') continue
    const i = event.step - 1
    expect(Math.abs(event.terms.loss! + event.terms.orthogonality! - losses[i]!) / losses[i]!).toBeLessThan(1e-5)
    expect(Math.abs(event.gradientNorm - norms[i]!) / norms[i]!).toBeLessThan(1e-4)
    const own = [...parameters]
      .filter(([name]) => name.endsWith('lora_E'))
      .map(([, e]) => e.data.filter(x => x !== 0).length)
    expect(own, `step ${event.step}`).toEqual([...ranks.subarray(14 * i, 14 * (i + 1))])
  }
  for (const [name, { data }] of parameters) {
    const recorded = golden.f64(`final.${name.replace('.weight', '')}`)
    expect(
      recorded.reduce((worst, v, i) => Math.max(worst, Math.abs(v - data[i]!)), 0),
      name,
    ).toBeLessThan(1e-4)
  }
  const adapter = setup.adapter!()
  expect([...adapter.values()].reduce((sum, { a }) => sum + a.shape[0]!, 0)).toBe(28)
  // Three layers were left with nothing.
  expect(adapter.size).toBe(11)
  expect(setup.merge!('model.layers.0.self_attn.q_proj', f32([32, 32], new Float32Array(1024)))).toBeUndefined()
  await learner.close()
  await backend.close()
  await model.close()
})

test('the budget: all during the warm-up, then down along a cube, exact at the end', () => {
  const at = (done: number) =>
    budgetAction({ warmup: 10, final: 20, every: 5 }, { done, steps: 100 }, { from: 120, to: 80 })
  expect([1, 9, 10, 11, 14].map(done => at(done).kind)).toEqual(Array(5).fill('nothing'))
  expect(at(15)).toEqual({ kind: 'allocate', budget: Math.floor(80 + 40 * (65 / 70) ** 3), last: false })
  expect(at(45)).toEqual({ kind: 'allocate', budget: 85, last: false })
  expect(at(80)).toEqual({ kind: 'allocate', budget: 80, last: true })
  expect([81, 85, 100].map(done => at(done).kind)).toEqual(Array(3).fill('hold'))
})

test('shares of the run; phases that fill it are refused', () => {
  const at = (schedule: { warmup: number; final: number }, done: number) =>
    budgetAction({ ...schedule, every: 1 }, { done, steps: 10 }, { from: 8, to: 4 })
  expect(at({ warmup: 0.11, final: 0.3 }, 2).kind).toBe('nothing')
  expect(at({ warmup: 0.11, final: 0.3 }, 3)).toMatchObject({ kind: 'allocate', last: false })
  expect(at({ warmup: 0.11, final: 0.3 }, 7)).toEqual({ kind: 'allocate', budget: 4, last: true })
  expect(() => at({ warmup: 5, final: 5 }, 1)).toThrow(
    'a warm-up of 5 steps and 5 final ones leave no step of a run of 10 to give out ranks',
  )
})

test('exactly the budget is kept, the best over all layers, and of equals the earlier', () => {
  const scores = new Map([
    ['x', Float64Array.of(3, 0, 1)],
    ['y', Float64Array.of(1, 2, 0)],
  ])
  const kept = mostImportant(scores, 3)
  expect([...kept.values()]).toEqual([
    [true, false, true],
    [false, true, false],
  ])
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 }),
      fc.nat(40),
      (all, n) => {
        const total = all.flat().length
        const found = mostImportant(new Map(all.map((values, i) => [String(i), Float64Array.from(values)])), n)
        const flat = [...found.values()].flat()
        expect(flat.filter(Boolean).length).toBe(Math.min(n, total))
        const values = all.flat()
        const [worst, best] = [values.filter((_, i) => flat[i]), values.filter((_, i) => !flat[i])]
        if (n > 0 && n < total) expect(Math.min(...worst)).toBeGreaterThanOrEqual(Math.max(...best))
      },
    ),
  )
})

test('the penalty is zero for orthonormal rows or columns, and pulls nothing there', () => {
  const gradient = new Float32Array(6)
  expect(orthogonality(f32([2, 3], [0, 1, 0, 0, 0, 1]), { factor: 1 }, gradient)).toBe(0)
  expect(orthogonality(f32([3, 2], [0, 0, 1, 0, 0, 1]), { columns: true, factor: 1 }, gradient)).toBe(0)
  expect([...gradient]).toEqual([0, 0, 0, 0, 0, 0])
  // Rows (1, 1, 0) and (0, 1, 0): M Mᵀ − I = [[1, 1], [1, 0]].
  expect(orthogonality(f32([2, 3], [1, 1, 0, 0, 1, 0]), { factor: 1 }, gradient)).toBeCloseTo(Math.sqrt(3), 12)
})

test('the penalty alone makes A and B orthonormal', async () => {
  const setup = await adalora.setUp(randomModel(), adalora.options.parse(options), { seed: 1 })
  const rng = createRng('start')
  for (const { data } of setup.parameters.values()) for (let i = 0; i < data.length; i++) data[i] = 0.3 * rng.normal()
  const losses: number[] = []
  for (let step = 0; step < 200; step++) {
    const gradients: GradientMap = new Map()
    losses.push(setup.penalty!(gradients).orthogonality!)
    for (const [name, gradient] of gradients)
      for (const [i, g] of gradient.entries()) setup.parameters.get(name)!.data[i]! -= 0.3 * g
  }
  expect(losses.at(-1)!).toBeLessThan(0.05 * losses[0]!)
})

test('options that contradict each other are refused', () => {
  expect(() => adalora.options.parse({ rank: 8, initialRank: 4 })).toThrow(/at most initialRank/)
  expect(() => adalora.options.parse({ warmup: 1.5 })).toThrow(/share of the run/)
})
