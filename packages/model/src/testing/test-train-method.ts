import {
  type Backend,
  createRng,
  ortNodeBackend,
  referenceBackend,
  type Tensor,
  type TensorF32,
} from '@sinter/tensor-core'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { logits } from '../head.ts'
import type { Model } from '../model.ts'
import type { Learner } from '../train/learner.ts'
import type { TrainMethod, TrainSetup } from '../train/method.ts'
import { memoryStates } from '../train/optimizer-store.ts'
import { newTrainerState, type TrainerState } from '../train/trainer.ts'
import { compareSlopes, nudge } from './compare-slopes.ts'
import { randomModel } from './random-model.ts'
import { allTensors, learnerFor, mergedModel, shortRun, trainingLogits } from './train-run.ts'

export interface TrainMethodCase {
  readonly name: string
  /** As a recipe has them; defaults are filled in by the method's schema. */
  readonly options: Readonly<Record<string, unknown>>
  /** What is trained, made of random weights. Default: a LLaMA of 2 blocks. */
  readonly model?: () => Model
  readonly steps?: number
  readonly learningRate?: number
  /** The last loss must be below this share of the first. */
  readonly falls?: number
  /**
   * Names of parameters whose gradient passes a rounding straight through: it is not the slope of the loss, which has steps
   * there, so differences say nothing about it. The suite says how many it left out.
   */
  readonly straightThrough?: RegExp
  /** Why what is merged computes something else than training did: inputs that training rounded, say. */
  readonly mergeDiffers?: string
}

/**
 * The suite that every training method passes: gradients are slopes of the loss, penalties included; the loss falls; what is
 * frozen stays; the same seed gives the same bytes, in one go or from a checkpoint; and what is merged computes what training
 * computed.
 */
export function testTrainMethod<Options>(method: TrainMethod<Options>, cases: readonly TrainMethodCase[]): void {
  describe(`training method ${method.name}`, () => {
    afterAll(closeBackend)
    testSchema(method)
    for (const given of cases) describe(given.name, () => testCase(method, given))
  })
}

function testSchema<Options>(method: TrainMethod<Options>): void {
  test('options: defaults are complete, each is described, unknown ones are refused', () => {
    expect(() => method.options.parse({})).not.toThrow()
    expect(() => method.options.parse({ noSuchOption: 1 })).toThrow(/noSuchOption/)
    const schema = z.toJSONSchema(method.options, { io: 'input' })
    for (const [name, option] of Object.entries(schema.properties ?? {}))
      expect((option as { description?: string }).description, `description of ${name}`).toMatch(/\w{3}/)
  })
}

function testCase<Options>(method: TrainMethod<Options>, given: TrainMethodCase): void {
  const { model: make = randomModel, steps = 12, learningRate = 0.01, falls = 0.95 } = given
  const options = method.options.parse(given.options)
  const setUp = (model: Model, seed = 7) => method.setUp(model, options, { seed })

  test('gradients are the slopes of the loss', async () => {
    const model = make()
    const setup = await setUp(model)
    nudge(setup)
    const smooth = [...setup.parameters.keys()].filter(name => !given.straightThrough?.test(name))
    const left = setup.parameters.size - smooth.length
    if (left > 0)
      console.warn(`${method.name}, ${given.name}: ${left} tensors left out, their gradient passes a rounding`)
    await compareSlopes(model, setup, smooth, someIds(model))
  })

  test('the loss falls', async () => {
    const { losses } = await trained(make(), setUp, { steps, learningRate })
    expect(losses.at(-1)!).toBeLessThan(falls * losses[0]!)
  })

  test('what is frozen stays, in the model and beside it', async () => {
    const model = make()
    const before = await allTensors(model)
    const setup = await setUp(model)
    const [constants, parameters] = [snapshot(setup.constants), snapshot(setup.parameters)]
    const after = await withLearner(model, setup, async learner => {
      await shortRun(learner, setup, { steps: 3, learningRate, ids: someIds(model) })
      return allTensors(learner.model)
    })
    expect(await allTensors(model)).toEqual(before)
    for (const [name, values] of before)
      if (!setup.parameters.has(name) && !setup.frozen?.has(name)) expect(after.get(name), name).toEqual(values)
    expect(snapshot(setup.constants)).toEqual(constants)
    expect(snapshot(setup.parameters)).not.toEqual(parameters)
  })

  test('the same seed gives the same bytes', async () => {
    const [a, b] = [
      await trained(make(), setUp, { steps: 4, learningRate }),
      await trained(make(), setUp, { steps: 4, learningRate }),
    ]
    expect(snapshot(a.setup.parameters)).toEqual(snapshot(b.setup.parameters))
    expect(a.losses).toEqual(b.losses)
  })

  test('a run that goes on from a checkpoint gives the bytes of one that was not stopped', async () => {
    const whole = await trained(make(), setUp, { steps: 10, learningRate })
    const first = await trained(make(), setUp, { steps: 6, learningRate, planned: 10 })
    const resumed = await trained(make(), setUp, { steps: 10, learningRate, from: first })
    expect(snapshot(resumed.setup.parameters)).toEqual(snapshot(whole.setup.parameters))
    expect(snapshot(resumed.setup.state)).toEqual(snapshot(whole.setup.state))
  })

  if (given.mergeDiffers) {
    const what = `left out: what is merged gives the logits of the forward pass; ${given.mergeDiffers}`
    test(what, () => console.warn(`${method.name}, ${given.name}: ${what}`))
    return
  }
  test('what is merged gives the logits of the forward pass that was trained', async () => {
    const model = make()
    const { setup } = await trained(model, setUp, { steps, learningRate })
    const backend = referenceBackend()
    const ids = someIds(model)
    const training = await trainingLogits(model, setup, backend, ids)
    const merged = (await logits(await mergedModel(model, setup), backend, ids)).get('logits')!.data as Float32Array
    const plain = (await logits(model, backend, ids)).get('logits')!.data as Float32Array
    expect(largest(training, merged)).toBeLessThan(2e-5)
    // Not because nothing was learned.
    expect(largest(training, plain)).toBeGreaterThan(1e-2)
  })
}

interface Trained {
  readonly setup: TrainSetup
  readonly state: TrainerState
  readonly losses: readonly number[]
}

async function trained(
  model: Model,
  setUp: (model: Model) => Promise<TrainSetup>,
  {
    from,
    ...run
  }: { readonly steps: number; readonly learningRate: number; readonly planned?: number; readonly from?: Trained },
): Promise<Trained> {
  const setup = await setUp(model)
  const state = from ? await copyState(from.state) : newTrainerState()
  if (from) {
    copyInto(setup.parameters, from.setup.parameters)
    copyInto(setup.state, from.setup.state)
  }
  const losses = await withLearner(model, setup, learner =>
    shortRun(learner, setup, { ...run, state, ids: someIds(model) }),
  )
  return { setup, state, losses }
}

async function copyState({ optimizer, ...rest }: TrainerState): Promise<TrainerState> {
  const copy = memoryStates()
  for (const name of optimizer.names()) await copy.put(name, structuredClone((await optimizer.get(name))!))
  return { ...structuredClone(rest), optimizer: copy }
}

/** One for all cases: each start of it takes longer than a case. */
let backend: Backend | undefined

async function closeBackend(): Promise<void> {
  await backend?.close()
  backend = undefined
}

async function withLearner<T>(model: Model, setup: TrainSetup, body: (learner: Learner) => Promise<T>): Promise<T> {
  backend ??= ortNodeBackend({ threads: 1 })
  const learner = learnerFor(model, setup, backend)
  try {
    return await body(learner)
  } finally {
    await learner.close()
  }
}

type Tensors = ReadonlyMap<string, TensorF32>

const snapshot = (tensors: Tensors = new Map()): Map<string, Float32Array> =>
  new Map([...tensors].map(([name, { data }]) => [name, data.slice()]))

function copyInto(to: Tensors = new Map(), from: Tensors = new Map()): void {
  for (const [name, { data }] of to) data.set(from.get(name)!.data)
}

/** 2 rows of 9 tokens, always the same. */
function someIds({ config: { vocabSize } }: Model): Tensor {
  const rng = createRng('ids')
  return { dtype: 'i32', shape: [2, 9], data: Int32Array.from({ length: 18 }, () => rng.integer(vocabSize)) }
}

const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
