import { type Golden, goldenTest } from '@sinter/model/testing'
import { createRng, sizeOf } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { type AdafactorOptions, adafactor } from '../src/train/adafactor.ts'
import type { Optimizer, OptimizerState } from '../src/train/optimizer.ts'
import { optimizerOf, optimizers } from '../src/train/optimizers.ts'

interface Case {
  /** As the fixture has it. */
  readonly name: string
  readonly optimizer: string
  readonly learningRate: number
  readonly options: object
}

const cases: readonly Case[] = [
  { name: 'adamw', optimizer: 'adamw', learningRate: 0.01, options: {} },
  {
    name: 'adamw_b95',
    optimizer: 'adamw',
    learningRate: 0.003,
    options: { beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 },
  },
  {
    name: 'adam_l2',
    optimizer: 'adamw',
    learningRate: 0.01,
    options: { decoupled: false, weightDecay: 0.1 },
  },
  { name: 'adamw_amsgrad', optimizer: 'adamw', learningRate: 0.01, options: { amsgrad: true } },
  { name: 'sgd', optimizer: 'sgd', learningRate: 0.1, options: {} },
  {
    name: 'sgd_momentum',
    optimizer: 'sgd',
    learningRate: 0.1,
    options: { momentum: 0.9, weightDecay: 0.01 },
  },
  {
    name: 'sgd_nesterov',
    optimizer: 'sgd',
    learningRate: 0.05,
    options: { momentum: 0.8, nesterov: true, weightDecay: 0.05 },
  },
  {
    name: 'sgd_dampening',
    optimizer: 'sgd',
    learningRate: 0.05,
    options: { momentum: 0.8, dampening: 0.3 },
  },
  { name: 'rmsprop', optimizer: 'rmsprop', learningRate: 0.01, options: {} },
  { name: 'lion', optimizer: 'lion', learningRate: 0.01, options: { weightDecay: 0.1 } },
  // PyTorch's Adafactor has the paper's steps, and a smaller epsilon that these gradients do not reach.
  { name: 'adafactor_torch', optimizer: 'adafactor', learningRate: 0.01, options: {} },
  {
    name: 'adafactor_relative',
    optimizer: 'adafactor',
    learningRate: 0.01,
    options: { warmupInit: true },
  },
  {
    name: 'adafactor_fixed',
    optimizer: 'adafactor',
    learningRate: 0.001,
    options: { scaleParameter: false, relativeStep: false, beta1: 0.9 },
  },
]

/** Parameters after every step, one after the other. */
function trajectory(golden: Golden, tensor: string, { optimizer, learningRate, options }: Case, dtype: 'f32' | 'f64') {
  const { step, state, options: schema } = optimizerOf(optimizer)
  const { shape } = golden.tensor(`${tensor}.start`)
  const array = dtype === 'f64' ? Float64Array : Float32Array
  const parameter = array.from(golden.f64(`${tensor}.start`))
  const grads = array.from(golden.f64(`${tensor}.grads`))
  const parsed = schema.parse(options)
  const kept = state(shape, parsed, dtype)
  const all: number[] = []
  for (let k = 1, size = parameter.length; k * size <= grads.length; k++) {
    const gradient = grads.subarray((k - 1) * size, k * size)
    step({ parameter, gradient, state: kept, shape, step: k, learningRate, options: parsed })
    all.push(...parameter)
  }
  return all
}

/** Largest difference, relative to the value but for the few near zero. */
function worst(ours: ArrayLike<number>, theirs: ArrayLike<number>, least: number): number {
  expect(ours.length).toBe(theirs.length)
  let most = 0
  for (let k = 0; k < ours.length; k++)
    most = Math.max(most, Math.abs(ours[k]! - theirs[k]!) / Math.max(least, Math.abs(theirs[k]!)))
  return most
}

for (const one of cases)
  goldenTest(`five recorded steps of ${one.name}`, import.meta.url, 'optimisers', ['steps'], golden => {
    for (const tensor of ['matrix', 'vector']) {
      const expected = golden.f64(`${tensor}.${one.name}`)
      expect(worst(trajectory(golden, tensor, one, 'f64'), expected, 0), tensor).toBeLessThan(1e-9)
      expect(worst(trajectory(golden, tensor, one, 'f32'), expected, 0.1), `${tensor} f32`).toBeLessThan(1e-5)
    }
  })

goldenTest('every recorded optimiser is tested', import.meta.url, 'optimisers', ['steps'], golden => {
  const recorded = golden.names().map(name => name.split('.')[1]!)
  const names = new Set(recorded.filter(name => name !== 'start' && name !== 'grads'))
  expect([...names].sort()).toEqual(cases.map(one => one.name).sort())
})

const variants: readonly { title: string; optimizer: Optimizer; options: unknown }[] = optimizers.flatMap(optimizer => {
  const given: Record<string, object> = { adamw: { amsgrad: true }, sgd: { momentum: 0.9 }, adafactor: { beta1: 0.9 } }
  const all = given[optimizer.name] ? [{}, given[optimizer.name]!] : [{}]
  return all.map(options => ({
    title: `${optimizer.name} ${JSON.stringify(options)}`,
    optimizer,
    options: optimizer.options.parse(options),
  }))
})

const normals = (name: string, count: number, scale = 1): Float32Array => {
  const rng = createRng(name)
  return Float32Array.from({ length: count }, () => scale * rng.normal())
}

/** Some steps from one start, with fresh gradients each. @returns the parameter and what was kept */
function run(optimizer: Optimizer, options: unknown, shape: readonly number[], from: number, steps: number) {
  const [size, to] = [sizeOf(shape), from + sizeOf(shape)]
  const parameter = normals('start', 1024).slice(from, to)
  const state = optimizer.state(shape, options)
  for (let step = 1; step <= steps; step++) {
    const gradient = normals(`gradient ${step}`, 1024, 0.1).subarray(from, to)
    optimizer.step({ parameter, gradient, state, shape, step, learningRate: 0.01, options })
  }
  expect(parameter.length).toBe(size)
  return { parameter, state }
}

test.each(variants)('$title: a tensor in pieces takes the same steps as whole', ({ optimizer, options }) => {
  if (optimizer.piece === 'tensor') return expect(optimizer.name).toBe('adafactor')
  const cut = optimizer.piece === 1 ? 300 : 512
  const whole = run(optimizer, options, [1000], 0, 3)
  const first = run(optimizer, options, [cut], 0, 3)
  const second = run(optimizer, options, [1000 - cut], cut, 3)
  expect([...first.parameter, ...second.parameter]).toEqual([...whole.parameter])
  for (const name of Object.keys(whole.state))
    expect([...first.state[name]!, ...second.state[name]!], name).toEqual([...whole.state[name]!])
})

test.each(variants)('$title: goes downhill, and leaves the gradient alone', ({ optimizer, options }) => {
  const shape = [16, 20]
  const target = normals('target', 320)
  const parameter = new Float32Array(320)
  const state = optimizer.state(shape, options)
  const loss = () => parameter.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0)
  const before = loss()
  for (let step = 1; step <= 300; step++) {
    const gradient = parameter.map((value, i) => value - target[i]!)
    const copy = gradient.slice()
    optimizer.step({ parameter, gradient, state, shape, step, learningRate: 0.02, options })
    expect(gradient).toEqual(copy)
  }
  // A step of Adafactor is a share of the parameter, which starts at zero here.
  expect(loss()).toBeLessThan(optimizer.name === 'adafactor' ? 0.9 * before : 0.05 * before)
})

test.each(variants)('$title: a state of another shape, or none, is refused', ({ optimizer, options }) => {
  const shape = [4, 5]
  const values = () => new Float32Array(20)
  const step = (state: OptimizerState, gradient = values(), number = 1) =>
    optimizer.step({ parameter: values(), gradient, state, shape, step: number, learningRate: 0.1, options })
  const state = optimizer.state(shape, options)
  expect(() => step(state, new Float32Array(19))).toThrow(/\[4,5\] has 20 values; got 20 .* and 19/)
  expect(() => step(state, values(), 0)).toThrow(/from 1, got 0/)
  for (const name of Object.keys(state)) {
    const { [name]: _, ...rest } = state
    expect(() => step(rest), name).toThrow(`"${name}": expected`)
    expect(() => step({ ...state, [name]: state[name]!.slice(1) }), name).toThrow(`"${name}": expected`)
  }
})

test('Adafactor keeps a row and a column of a matrix, and treats a stack of matrices as matrices', () => {
  const options: AdafactorOptions = {
    ...(adafactor.options.parse({ scaleParameter: false, relativeStep: false }) as AdafactorOptions),
    clipThreshold: Number.POSITIVE_INFINITY,
  }
  const sizes = Object.entries(adafactor.state([6, 7], options)).map(([name, array]) => [name, array.length])
  expect(Object.fromEntries(sizes)).toEqual({ row: 6, col: 7 })
  const stack = run(adafactor, options, [2, 6, 7], 0, 3).parameter
  const each = [0, 42].flatMap(from => [...run(adafactor, options, [6, 7], from, 3).parameter])
  expect([...stack]).toEqual(each)
})

test('Adafactor without a gradient only decays, by the size of the step', () => {
  const options = adafactor.options.parse({ weightDecay: 0.5, scaleParameter: false })
  const parameter = Float64Array.of(1, -2, 3)
  const [gradient, shape] = [new Float64Array(3), [3]]
  adafactor.step({
    parameter,
    gradient,
    state: adafactor.state(shape, options),
    shape,
    step: 4,
    learningRate: 1,
    options,
  })
  expect([...parameter]).toEqual([0.75, -1.5, 2.25])
})

test('an unknown optimizer is answered with the nearest', () => {
  expect(() => optimizerOf('adam')).toThrow(/unknown optimizer "adam"; did you mean "adamw"\? Known: adamw, .*sgd/)
  expect(optimizerOf('lion').title).toBe('Lion')
  expect(new Set(optimizers.map(({ name }) => name)).size).toBe(optimizers.length)
})

test('options are checked: unknown names, ranges, and Nesterov without momentum', () => {
  expect(() => optimizerOf('adamw').options.parse({ betas: [0.9, 0.99] })).toThrow(/betas/)
  expect(() => optimizerOf('adamw').options.parse({ beta2: 1 })).toThrow(/beta2/)
  expect(() => optimizerOf('sgd').options.parse({ nesterov: true })).toThrow(/nesterov needs a momentum/)
})
