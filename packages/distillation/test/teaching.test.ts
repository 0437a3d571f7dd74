import {
  adamw,
  createLearner,
  crossEntropy,
  everyToken,
  type Learner,
  type LearnerOptions,
  type Model,
  type TrainerOptions,
  type TrainTokens,
  train,
} from '@sinter/model'
import { readGolden } from '@sinter/model/testing'
import { ortNodeBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  hiddenTransfer,
  inTurn,
  localTeacher,
  multiTeacher,
  type PeerEvent,
  selfTeacher,
  softLabels,
  topLabels,
  weightsByLoss,
  withTop,
} from '../src/index.ts'
import { openTiny, parametersOf, someIds } from './helpers/tiny.ts'

const golden = readGolden(new URL('./fixtures/training/distillation.safetensors', import.meta.url))
const backend = ortNodeBackend({ threads: 1 })
let student: Model
let teacher: Model
beforeAll(async () => {
  student = await openTiny('student')
  teacher = await openTiny('teacher')
})
afterAll(async () => {
  await Promise.all([student.close(), teacher.close(), backend.close()])
})

/** The recorded text: 10 batches of 2 · 16 tokens. */
function recorded(step: number): TrainTokens {
  const ids = golden.tensor('input_ids').data as Int32Array
  return everyToken({ dtype: 'i32', shape: [2, 16], data: ids.slice(32 * step, 32 * (step + 1)) })
}

interface Run {
  readonly steps?: number
  readonly rate?: number
  readonly batches?: (step: number) => Promise<readonly TrainTokens[]>
}

const optionsOf = (
  learner: Learner,
  parameters: ReadonlyMap<string, TensorF32>,
  { steps = 24, rate = 0.01, batches }: Run = {},
): TrainerOptions => ({
  learner,
  parameters,
  optimizer: adamw,
  optimizerOptions: { ...adamw.options.parse({}) },
  learningRate: rate,
  schedule: () => 1,
  steps,
  clip: 1,
  batches: batches ?? (async step => [recorded(step % 8)]),
})

async function trained(source: Model, options: Omit<LearnerOptions, 'backend'>, run: Run = {}): Promise<Learner> {
  const learner = createLearner(source, { backend, ...options })
  for await (const _ of train(optionsOf(learner, options.parameters, run)));
  return learner
}

/** KL from the teacher on text that was not trained on. */
async function heldOutKl(model: Model, from: Model = teacher): Promise<number> {
  const judge = createLearner(model, {
    backend,
    objective: softLabels({ alpha: 1 }),
    parameters: new Map(),
    teacher: from,
  })
  const { divergence } = await judge.evaluate([recorded(8), recorded(9)])
  await judge.close()
  return divergence!
}

describe('what a student learns with', () => {
  test('the k best tokens and a tail: nearly as near to the teacher as with all logits', async () => {
    const start = await heldOutKl(student)
    const full = await trained(student, {
      objective: softLabels({ alpha: 1 }),
      parameters: await parametersOf(student),
      teacher,
    })
    const whole = await heldOutKl(full.model)
    await full.close()
    const local = localTeacher(teacher, { backend })
    const divergences: number[] = []
    for (const k of [2, 32]) {
      const batches = async (step: number) => withTop(local, [recorded(step % 8)], { k })
      const objective = topLabels({ k, alpha: 1 })
      const learner = await trained(student, { objective, parameters: await parametersOf(student) }, { batches })
      divergences.push(await heldOutKl(learner.model))
      await learner.close()
    }
    expect(whole).toBeLessThan(0.9 * start)
    expect(divergences[1]).toBeLessThan(1.03 * whole)
    expect(divergences[0]).toBeLessThan(start)
  })

  test('hidden states: they come nearer, and the projection is no part of the student', async () => {
    const { terms: features, parameters: own } = hiddenTransfer(student, teacher, {}, { seed: 1 })
    const parameters = new Map([...(await parametersOf(student)), ...own])
    const learner = createLearner(student, { backend, parameters, teacher, features })
    const before = await learner.evaluate([recorded(8)])
    for await (const _ of train(optionsOf(learner, parameters, { steps: 60 })));
    const after = await learner.evaluate([recorded(8)])
    for (const { name } of features) expect(after[name]!, name).toBeLessThan(0.5 * before[name]!)
    expect([...learner.model.source.names()].toSorted()).toEqual([...student.source.names()].toSorted())
    await learner.close()
  })
})

describe('several teachers', () => {
  test('each gives its own logits: with one weight 0 the other is all there is', async () => {
    const other = teacher.over({ ...teacher.source, ...noisy(teacher) })
    const parameters = await parametersOf(student)
    const batch = [everyToken(someIds(2, 6))]
    const evaluate = async (options: Partial<LearnerOptions>) => {
      const learner = createLearner(student, { backend, parameters, ...options })
      const result = await learner.gradients(batch)
      await learner.close()
      return result
    }
    const alone = await evaluate({ objective: softLabels(), teacher: other })
    const first = await evaluate({ objective: softLabels(), teacher })
    expect(Math.abs(alone.terms.divergence! - first.terms.divergence!)).toBeGreaterThan(1e-3)
    for (const combine of ['mixture', 'logits', 'losses'] as const) {
      const objective = multiTeacher({ weights: [0, 1], combine })
      const both = await evaluate({ objective, teacher: [teacher, other] })
      expect(both.terms.divergence).toBeCloseTo(alone.terms.divergence!, 5)
      const name = 'model.layers.0.mlp.up_proj.weight'
      expect(both.gradients.get(name)![3]).toBeCloseTo(alone.gradients.get(name)![3]!, 6)
    }
    const objective = multiTeacher({ weights: [1, 1], combine: 'losses' })
    const mean = await evaluate({ objective, teacher: [teacher, other] })
    expect(mean.terms.divergence).toBeCloseTo((alone.terms.divergence! + first.terms.divergence!) / 2, 5)
  })

  test('the better one counts more', () => {
    const [a, b, c] = weightsByLoss([3, 2, 3]) as [number, number, number]
    expect(a + b + c).toBeCloseTo(1, 12)
    expect(a).toBe(c)
    expect(b / a).toBeCloseTo(Math.E, 9)
    expect(weightsByLoss([1e4, 1e4])).toEqual([0.5, 0.5])
  })
})

/** Reads of the same model with everything a little larger. */
function noisy(model: Model) {
  const larger = ({ data, ...rest }: Tensor): Tensor => ({
    ...rest,
    data: (data as Float32Array).map((x, i) => x * (1 + 0.3 * Math.sin(i))),
  })
  return {
    read: async (name: string) => larger(await model.source.read(name)),
    readRows: async (name: string, start: number, count: number) =>
      larger(await model.source.readRows(name, start, count)),
  }
}

describe('students that teach each other', () => {
  const peers = async (objective = softLabels({ alpha: 0.5 }), wanted = (_: string) => true) => {
    const some = { noise: 0.02, wanted }
    const values = [await parametersOf(student, some), await parametersOf(teacher, some)] as const
    const sources = [student, teacher] as const
    // Each learner shows its model as it is now; the other one's teacher is that.
    const views = sources.map((source, i) =>
      createLearner(source, { backend, objective: crossEntropy, parameters: values[i]! }),
    )
    const learners = sources.map((source, i) =>
      createLearner(source, {
        backend,
        objective,
        parameters: values[i]!,
        teacher: views[1 - i]!.model,
        teacherMoves: true,
      }),
    )
    const close = async () => {
      for (const learner of [...views, ...learners]) await learner.close()
    }
    return { values, learners, close }
  }

  test('in turn, a step each, from what the other is by then', async () => {
    const { values, learners, close } = await peers()
    const options = learners.map((learner, i) => optionsOf(learner, values[i]!, { steps: i === 0 ? 3 : 2 }))
    const held = { heldOut: [recorded(9)], evaluateEvery: 1 }
    const events: PeerEvent[] = []
    for await (const event of inTurn([{ ...options[0]!, ...held }, options[1]!])) events.push(event)
    const steps = events.filter(({ event }) => event.type === 'step').map(({ peer }) => peer)
    expect(steps).toEqual([0, 1, 0, 1, 0])
    expect(events.filter(({ event }) => event.type === 'evaluated').length).toBe(3)
    expect(
      events
        .filter(({ event }) => event.type === 'stopped')
        .map(({ peer }) => peer)
        .toSorted(),
    ).toEqual([0, 1])
    await close()
  })

  test('the second learns from the first after its step', async () => {
    // Blocks alone move: they are what a learner would keep of a teacher that stands still.
    const { values, learners, close } = await peers(softLabels({ alpha: 1 }), name => name.includes('layers.'))
    const before = await learners[1]!.evaluate([recorded(0)])
    const events = inTurn(
      learners.map((learner, i) =>
        optionsOf(learner, values[i]!, { steps: 1, rate: 0.05, batches: async () => [recorded(0)] }),
      ),
    )
    await events.next()
    const moved = await learners[1]!.evaluate([recorded(0)])
    expect(Math.abs(moved.divergence! - before.divergence!)).toBeGreaterThan(1e-3)
    const { value } = await events.next()
    expect(value).toMatchObject({ peer: 1, event: { type: 'step', step: 1 } })
    expect((value as { event: { terms: { divergence: number } } }).event.terms.divergence).toBeCloseTo(
      moved.divergence!,
      6,
    )
    await events.return(undefined)
    await close()
  })

  test('they come nearer to each other', async () => {
    const { values, learners, close } = await peers()
    const apart = await heldOutKl(learners[0]!.model, learners[1]!.model)
    for await (const _ of inTurn(learners.map((learner, i) => optionsOf(learner, values[i]!, { steps: 15 }))));
    expect(await heldOutKl(learners[0]!.model, learners[1]!.model)).toBeLessThan(0.8 * apart)
    await close()
  })
})

describe('a student that is its own teacher', () => {
  test('starts as itself, stays when the student moves, follows, and is renewed', async () => {
    const parameters = await parametersOf(student)
    const self = selfTeacher(student, parameters)
    const objective = softLabels({ alpha: 1 })
    const learner = createLearner(student, { backend, objective, parameters, teacher: self.model, teacherMoves: true })
    const divergence = async () => (await learner.evaluate([recorded(8)])).divergence!
    expect(Math.abs(await divergence())).toBeLessThan(1e-6)
    for (const { data } of parameters.values()) for (const i of data.keys()) data[i]! *= 1 + 0.2 * Math.sin(i)
    const far = await divergence()
    expect(far).toBeGreaterThan(1e-3)
    self.follow(1, { kind: 'ema', decay: 0.5, biasCorrection: false }, 10)
    const nearer = await divergence()
    expect(nearer).toBeLessThan(0.6 * far)
    expect(nearer).toBeGreaterThan(1e-5)
    self.renew()
    expect(Math.abs(await divergence())).toBeLessThan(1e-6)
    await learner.close()
  })

  test('an adapter is not in a snapshot of the model', () => {
    const zeros: TensorF32 = { dtype: 'f32', shape: [1, 1], data: new Float32Array(1) }
    expect(() => selfTeacher(student, new Map([['x.lora_A.weight', zeros]]))).toThrow(
      "x.lora_A.weight is trained and is not the model's own",
    )
  })
})
