import type { Tensor, TensorF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import {
  DivergedError,
  type Learner,
  newTrainerState,
  sgd,
  type TrainEvent,
  type TrainerOptions,
  type TrainTokens,
  train,
} from '../src/index.ts'

const ids: Tensor = { dtype: 'i32', shape: [1, 4], data: new Int32Array(4) }
const batch: TrainTokens = { ids, weights: { dtype: 'f32', shape: [1, 4], data: Float32Array.of(1, 1, 1, 0) } }

/** Losses and gradients that are told, not computed: `a` and `b` by step, held-out losses in turn. */
function setup(gradients: (step: number) => Record<string, number[]>, looks: readonly number[] = [], loss = 1) {
  const parameters = new Map<string, TensorF32>(
    ['a', 'b'].map(name => [name, { dtype: 'f32', shape: [2], data: Float32Array.of(1, 1) }]),
  )
  let [step, look] = [0, 0]
  const learner = {
    gradients: async () => ({
      terms: { loss },
      gradients: new Map(Object.entries(gradients(++step)).map(([name, values]) => [name, Float32Array.from(values)])),
    }),
    evaluate: async () => ({ loss: looks[look++]! }),
  } as unknown as Learner
  const options: TrainerOptions = {
    learner,
    parameters,
    optimizer: sgd,
    optimizerOptions: sgd.options.parse({}) as unknown as Record<string, unknown>,
    learningRate: 0.5,
    schedule: () => 1,
    steps: 4,
    clip: 0,
    batches: async () => [batch],
    ...(looks.length > 0 && { heldOut: [batch] }),
  }
  return { options, parameters }
}

const flat = () => ({ a: [1, 0], b: [0, 0] })

async function all(options: TrainerOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(options)) events.push(event)
  return events
}

const said = (events: readonly TrainEvent[]) => events.map(event => `${event.type} ${event.step}`)

describe('what diverges', () => {
  const cases: readonly [title: string, gradients: Record<string, number[]>, loss: number, says: RegExp][] = [
    ['a loss', { a: [1, 1], b: [1, 1] }, Number.NaN, /step 1: the loss is NaN;/],
    [
      'a loss and a gradient',
      { a: [1, 1], b: [Infinity, 1] },
      Infinity,
      /the loss is Infinity, and the gradient of b not finite/,
    ],
    ['a gradient', { a: [1, 1], b: [1, Number.NaN] }, 1, /step 1: the gradient of b is not finite/],
    ['nothing that flows', { a: [0, 0], b: [0, 0] }, 6.93, /all gradients are zero at a loss of 6\.930/],
  ]

  test.each(cases)('%s', async (_, gradients, loss, says) => {
    const { options, parameters } = setup(() => gradients, [], loss)
    const error = await all(options).catch(error => error)
    expect(error).toBeInstanceOf(DivergedError)
    expect(error.message).toMatch(says)
    expect(error.step).toBe(1)
    expect([...error.gradients.keys()]).toEqual(['a', 'b'])
    // Nobody took a step.
    for (const { data } of parameters.values()) expect([...data]).toEqual([1, 1])
    // A model's gradients are nothing to print.
    expect(Object.keys(error)).not.toContain('gradients')
  })

  test('what is learnt already may have no gradient', async () => {
    const { options } = setup(() => ({ a: [0, 0], b: [0, 0] }), [], 1e-5)
    expect(said(await all(options))).toEqual(['step 1', 'step 2', 'step 3', 'step 4', 'stopped 4'])
  })
})

describe('looks at the held-out loss', () => {
  test('every so many steps and after the last', async () => {
    const { options } = setup(flat, [3, 2])
    const events = await all({ ...options, evaluateEvery: 3 })
    expect(said(events)).toEqual(['step 1', 'step 2', 'step 3', 'evaluated 3', 'step 4', 'evaluated 4', 'stopped 4'])
  })

  test('without a number, after the last', async () => {
    const { options } = setup(flat, [3])
    expect(said(await all(options))).toEqual(['step 1', 'step 2', 'step 3', 'step 4', 'evaluated 4', 'stopped 4'])
  })

  test('one that a run stopped before is made up for, one that it had is not repeated', async () => {
    const missed = { ...newTrainerState(), step: 2 }
    const { options } = setup(flat, [3, 2])
    expect(said(await all({ ...options, evaluateEvery: 2, state: missed }))).toEqual([
      'evaluated 2',
      'step 3',
      'step 4',
      'evaluated 4',
      'stopped 4',
    ])
    const had = { ...newTrainerState(), step: 2, evaluated: 2 }
    expect(said(await all({ ...setup(flat, [3]).options, evaluateEvery: 2, state: had }))).toEqual([
      'step 3',
      'step 4',
      'evaluated 4',
      'stopped 4',
    ])
  })

  test('patience counts looks that are no better than the best, a best of before included', async () => {
    const state = { ...newTrainerState(), best: { step: 0, loss: 2.5 } }
    const { options } = setup(flat, [3, 3])
    const events = await all({ ...options, evaluateEvery: 1, patience: 2, state })
    expect(said(events)).toEqual(['step 1', 'evaluated 1', 'step 2', 'evaluated 2', 'stopped 2'])
    expect(events.at(-1)).toMatchObject({ reason: 'patience' })
    expect(events.filter(event => event.type === 'evaluated').map(event => event.best)).toEqual([false, false])
    // A run that patience ended takes no step when it goes on.
    expect(said(await all({ ...options, evaluateEvery: 1, patience: 2, state }))).toEqual(['stopped 2'])
  })
})
