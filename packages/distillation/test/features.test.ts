import { createLearner, crossEntropy, everyToken, type FeatureTerm, type Learner, type Model } from '@sinter/model'
import { ortNodeBackend, referenceBackend, type TensorF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evenLayers, hiddenTransfer, PROJECTION, relationTransfer, softLabels, type Transfer } from '../src/index.ts'
import { openTiny, parametersOf, someIds, withPrompt } from './helpers/tiny.ts'

/** f64 between and inside of blocks, so that differences of losses have digits left. */
const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
let student: Model
let teacher: Model
beforeAll(async () => {
  student = await openTiny('student')
  teacher = await openTiny('teacher')
})
afterAll(async () => {
  await Promise.all([student.close(), teacher.close(), onnx.close()])
})

const only = (terms: readonly FeatureTerm[]): Transfer => ({ terms, parameters: new Map() })
const seed = { seed: 1 }

/** Name, who learns, the features, and which stored tensors move. */
const cases: readonly (readonly [string, 'student' | 'teacher', () => Transfer, RegExp])[] = [
  ['states through a projection', 'student', () => hiddenTransfer(student, teacher, {}, seed), /./],
  ['raw states', 'student', () => hiddenTransfer(student, teacher, { normalize: false }, seed), /./],
  ['angles of states', 'student', () => hiddenTransfer(student, teacher, { loss: 'cosine' }, seed), /./],
  [
    'where states are active',
    'student',
    () => hiddenTransfer(student, teacher, { loss: 'activation', weight: 50 }, seed),
    /./,
  ],
  ['states of equal width', 'teacher', () => hiddenTransfer(teacher, teacher, { weight: 3 }, seed), /./],
  ['states above frozen blocks', 'teacher', () => hiddenTransfer(teacher, teacher, {}, seed), /layers\.1\./],
  ['attention and values', 'student', () => only(relationTransfer(student, teacher)), /./],
  [
    'attention in the first block',
    'teacher',
    () => only(relationTransfer(teacher, teacher, { blocks: { student: 0, teacher: 1 } })),
    /./,
  ],
  [
    'queries, keys and values by other heads',
    'student',
    () => only(relationTransfer(student, teacher, { relationHeads: 8, weight: 2 })),
    /./,
  ],
  [
    'states and attention together',
    'student',
    () => {
      const { terms, parameters } = hiddenTransfer(student, teacher, {}, seed)
      return { terms: [...terms, ...relationTransfer(student, teacher)], parameters }
    },
    /./,
  ],
]

/** The change of the loss along the gradient of each tensor is the gradient's length. */
async function expectSlopes(
  learner: Learner,
  parameters: ReadonlyMap<string, TensorF32>,
  batch: Parameters<Learner['evaluate']>[0],
) {
  const { terms, gradients } = await learner.gradients(batch)
  // With gradients the head may be worked out in slices of the vocabulary: sums in another order.
  expect((await learner.evaluate(batch)).loss).toBeCloseTo(terms.loss!, 6)
  let seen = 0
  for (const [name, { data }] of parameters) {
    const gradient = gradients.get(name)
    if (!gradient) continue
    const length = Math.hypot(...gradient)
    if (length < 1e-5) continue
    seen++
    const before = data.slice()
    const moved = async (by: number) => {
      const step = data.map((_, i) => Math.fround(before[i]! + (by * gradient[i]!) / length) - before[i]!)
      for (const i of data.keys()) data[i] = before[i]! + step[i]!
      const { loss } = await learner.evaluate(batch)
      data.set(before)
      // What was really moved, after rounding to 32 bits, along the gradient.
      return [loss!, step.reduce((sum, value, i) => sum + (value * gradient[i]!) / length, 0)] as const
    }
    const [[above, up], [below, down]] = [await moved(1e-3), await moved(-1e-3)]
    expect(Math.abs((above - below) / (up - down) / length - 1), name).toBeLessThan(2e-3)
  }
  return seen
}

describe('gradients of features through the whole student', () => {
  test.each(cases)('%s', async (_, who, make, moves) => {
    const source = who === 'student' ? student : teacher
    const { terms: features, parameters: own } = make()
    const parameters = new Map([
      ...(await parametersOf(source, { noise: 0.05, wanted: name => moves.test(name) })),
      ...own,
    ])
    const options = { backend: exact, parameters, teacher, features }
    const learner = createLearner(source, options)
    const batch = [withPrompt(someIds(2, 6), 2), everyToken(someIds(1, 5, 'more'))]
    const seen = await expectSlopes(learner, parameters, batch)
    expect(seen).toBeGreaterThan(3)
    if (own.size > 0) expect((await learner.gradients(batch)).gradients.has(PROJECTION)).toBe(true)
    await learner.close()
  })

  test('beside a loss on logits', async () => {
    const { terms: features, parameters: own } = hiddenTransfer(student, teacher, { weight: 0.5 }, seed)
    const parameters = new Map([...(await parametersOf(student)), ...own])
    const learner = createLearner(student, { backend: exact, parameters, teacher, features, objective: softLabels() })
    const batch = [everyToken(someIds(2, 6))]
    expect(await expectSlopes(learner, parameters, batch)).toBe(parameters.size)
    const { terms } = await learner.gradients(batch)
    const { loss, crossEntropy, divergence, ...hidden } = terms
    const names = evenLayers(1, 2).map(([from, to]) => `hidden.mse.${from}-${to}`)
    expect(Object.keys(hidden)).toEqual(names)
    const inside = names.reduce((sum, name) => sum + (0.5 / names.length) * hidden[name]!, 0)
    expect(loss).toBeCloseTo(0.5 * crossEntropy! + 0.5 * divergence! + inside, 6)
    await learner.close()
  })

  test.each(cases)('%s: ONNX Runtime gives the same', async (_, who, make, moves) => {
    const source = who === 'student' ? student : teacher
    const { terms: features, parameters: own } = make()
    const parameters = new Map([
      ...(await parametersOf(source, { noise: 0.05, wanted: name => moves.test(name) })),
      ...own,
    ])
    const batch = [withPrompt(someIds(2, 6), 2)]
    const [one, other] = [exact, onnx].map(backend =>
      createLearner(source, { backend, parameters, teacher, features }),
    ) as [Learner, Learner]
    const [a, b] = [await one.gradients(batch), await other.gradients(batch)]
    expect(b.terms.loss! / a.terms.loss!).toBeCloseTo(1, 5)
    expect([...b.gradients.keys()].toSorted()).toEqual([...a.gradients.keys()].toSorted())
    for (const [name, gradient] of a.gradients) {
      const largest = gradient.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
      const worst = gradient.reduce((m, v, i) => Math.max(m, Math.abs(v - b.gradients.get(name)![i]!)), 0)
      expect(worst, name).toBeLessThanOrEqual(1e-3 * largest + 1e-7)
    }
    await one.close()
    await other.close()
  })
})

test('a student that is the teacher has nothing to learn, and tokens that do not count teach nothing', async () => {
  const features = [
    ...(['mse', 'cosine', 'activation'] as const).flatMap(
      loss => hiddenTransfer(teacher, teacher, { loss }, seed).terms,
    ),
    ...relationTransfer(teacher, teacher),
  ]
  const parameters = await parametersOf(teacher)
  const same = createLearner(teacher, { backend: exact, parameters, teacher, features })
  const { terms, gradients } = await same.gradients([everyToken(someIds(2, 6))])
  expect(Math.abs(terms.loss!)).toBeLessThan(1e-9)
  for (const gradient of gradients.values()) for (const slope of gradient) expect(Math.abs(slope)).toBeLessThan(1e-6)
  await same.close()

  const noisy = await parametersOf(teacher, { noise: 0.05 })
  const learner = createLearner(teacher, { backend: exact, parameters: noisy, teacher, features })
  const counted = withPrompt(someIds(1, 6), 0)
  // Only the first two positions count: what comes after them cannot matter.
  counted.weights.data.fill(0, 2)
  const other = {
    ...counted,
    ids: { ...counted.ids, data: (counted.ids.data as Int32Array).map((id, i) => (i > 2 ? (id + 7) % 64 : id)) },
  }
  const [a, b] = [await learner.gradients([counted]), await learner.gradients([other])]
  for (const { name } of features) {
    expect(a.terms[name], name).toBeGreaterThan(1e-9)
    expect(b.terms[name]! / a.terms[name]!, name).toBeCloseTo(1, 6)
  }
  const layer = 'model.layers.0.mlp.up_proj.weight'
  expect(b.gradients.get(layer)![5]).toBeCloseTo(a.gradients.get(layer)![5]!, 9)
  await learner.close()
})

test('documents of one row are compared as if they stood alone', async () => {
  const features = [...hiddenTransfer(student, teacher, {}, seed).terms, ...relationTransfer(student, teacher)]
  const { parameters: own } = hiddenTransfer(student, teacher, {}, seed)
  const parameters = new Map([...(await parametersOf(student)), ...own])
  const packed = someIds(1, 8)
  const documents = { dtype: 'i32', shape: [1, 8], data: Int32Array.of(0, 0, 0, 0, 1, 1, 1, 1) } as const
  const row = withPrompt(packed, 0)
  row.weights.data[3] = 0
  const together = createLearner(student, { backend: exact, parameters, teacher, features, documents: true })
  const alone = createLearner(student, { backend: exact, parameters, teacher, features })
  const part = (from: number) =>
    everyToken({ dtype: 'i32', shape: [1, 4], data: (packed.data as Int32Array).slice(from, from + 4) })
  const one = await together.evaluate([{ ...row, documents }])
  const two = await alone.evaluate([part(0), part(4)])
  for (const [name, value] of Object.entries(two)) expect(one[name], name).toBeCloseTo(value, 6)
  await together.close()
  await alone.close()
})

describe('what does not fit is refused', () => {
  const learner = (options: object) => () =>
    createLearner(student, { backend: exact, parameters: new Map(), teacher, ...options })
  test('taps where there is nothing', () => {
    const [term] = hiddenTransfer(student, teacher, {}, seed).terms
    expect(learner({ features: [{ ...term!, student: { at: 'hidden', index: 2 } }] })).toThrow(
      'hidden.mse.0-0 looks at hidden 2 of the student, which has 0 … 1',
    )
    expect(learner({ features: [{ ...term!, teacher: { at: 'attention', index: 0 } }] })).toThrow(
      'compares hidden with attention',
    )
    expect(learner({ features: [term!, term!] })).toThrow('two features are called hidden.mse.0-0')
    expect(learner({ features: [term!], teacher: undefined })).toThrow('there is none')
  })
  test('a loss on logits without a teacher', () =>
    expect(learner({ objective: softLabels(), teacher: undefined })).toThrow('wants the logits of a teacher'))
  test('a projection without values', async () => {
    const { terms: features } = hiddenTransfer(student, teacher, {}, seed)
    const bare = createLearner(student, {
      backend: exact,
      objective: crossEntropy,
      parameters: new Map(),
      teacher,
      features,
    })
    await expect(bare.evaluate([everyToken(someIds(1, 4))])).rejects.toThrow(
      `nobody gave a value to ${PROJECTION} [32, 24]`,
    )
    await bare.close()
  })
  test('heads that differ', () => {
    const other = { ...teacher, config: { ...teacher.config, heads: 2, kvHeads: 2 } }
    expect(() => relationTransfer(student, other)).toThrow('the student has 4 heads and the teacher 2')
    expect(() => relationTransfer(student, teacher, { relationHeads: 5 })).toThrow(
      '5 heads do not divide a width of 24',
    )
  })
})
