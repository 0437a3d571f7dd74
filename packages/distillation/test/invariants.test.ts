import type { LossInputs, Objective } from '@sinter/model'
import {
  grad,
  graph,
  input,
  logSoftmax,
  referenceBackend,
  slice,
  type Tensor,
  takeAlong,
  topIndices,
} from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Divergence, multiTeacher, softLabels, topLabels } from '../src/index.ts'

const exact = referenceBackend({ wide: true })
const divergences: readonly Divergence[] = ['forward-kl', 'reverse-kl', 'jsd', 'skew-kl', 'skew-reverse-kl', 'tvd']

const objectives: Readonly<Record<string, Objective>> = {
  ...Object.fromEntries(divergences.map(divergence => [divergence, softLabels({ divergence, alpha: 1 })])),
  'forward-kl at 3': softLabels({ alpha: 1, temperature: 3 }),
  'reverse-kl at 3': softLabels({ divergence: 'reverse-kl', alpha: 1, temperature: 3 }),
  'top tail': topLabels({ k: 3, alpha: 1 }),
  'top renormalised': topLabels({ k: 3, rest: 'renormalise', temperature: 2, alpha: 1 }),
  'mixture of two': multiTeacher({ weights: [1, 3], alpha: 1 }),
  'logits of two': multiTeacher({ weights: [1, 3], combine: 'logits', alpha: 1 }),
  'losses of two': multiTeacher({ weights: [1, 3], combine: 'losses', alpha: 1 }),
  'the surer of two': multiTeacher({ weights: 'certainty', alpha: 1 }),
}

const V = 6
const ROWS = 4

/** The teachers' distributions are one, unless said otherwise. */
function inputsOf(objective: Objective, shared = V): LossInputs {
  const rows = (name: string, width: number) => input(name, 'f32', [1, 'rows', width])
  const logits = rows('student', V)
  const [first, second] = [rows('first', shared), rows('second', shared)]
  const known = logSoftmax(first)
  const ids = topIndices(known, 3)
  return {
    logits,
    sharedLogits: shared === V ? logits : slice(logits, -1, 0, shared),
    labels: input('labels', 'i32', [1, 'rows']),
    weights: input('weights', 'f32', [1, 'rows']),
    teacher: first,
    teachers: /two/.test(objective.key) || objective.key.startsWith('multi') ? [first, second] : [first],
    top: { ids, logProbs: takeAlong(known, ids) },
  }
}

interface Rows {
  readonly student: readonly number[]
  readonly first: readonly number[]
  readonly second: readonly number[]
  readonly weights?: readonly number[]
}

async function evaluate(objective: Objective, { student, first, second, weights }: Rows, shared = V) {
  const terms = objective.terms(inputsOf(objective, shared))
  const g = grad(graph({ ...terms }), { of: 'loss', wrt: ['student'] })
  const rows = (values: readonly number[]): Tensor => ({
    dtype: 'f64',
    shape: [1, ROWS, values.length / ROWS],
    data: Float64Array.from(values),
  })
  const inputs: Record<string, Tensor> = {
    student: rows(student),
    first: rows(first),
    second: rows(second),
    labels: { dtype: 'i32', shape: [1, ROWS], data: Int32Array.of(0, 2, 1, 3) },
    weights: { dtype: 'f64', shape: [1, ROWS], data: Float64Array.from(weights ?? [0.25, 0.25, 0.25, 0.25]) },
  }
  const results = (await (await exact.compile(g)).run(inputs)) as Record<string, Tensor>
  return { loss: Number(results.loss!.data[0]), slope: results['grad.student']!.data as Float64Array }
}

/** Different logits in a row: which of equal ones is among the largest depends on their numbers, and may. */
const rowOfValues = fc.uniqueArray(fc.integer({ min: -320, max: 320 }), { minLength: V, maxLength: V })
const values = fc
  .array(rowOfValues, { minLength: ROWS, maxLength: ROWS })
  .map(rows => rows.flat().map(value => value / 64))
const runs = { numRuns: 15 }

describe.each(Object.entries(objectives))('%s', (_, objective) => {
  test('is nothing, without a slope, when the student is the teacher', () =>
    fc.assert(
      fc.asyncProperty(values, async x => {
        const { loss, slope } = await evaluate(objective, { student: x, first: x, second: x })
        expect(Math.abs(loss)).toBeLessThan(1e-6)
        for (const part of slope) expect(Math.abs(part)).toBeLessThan(1e-6)
      }),
      runs,
    ))

  test('does not care how tokens are numbered', () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(values, values, values),
        fc.shuffledSubarray([...Array(V).keys()], { minLength: V, maxLength: V }),
        async ([student, first, second], order) => {
          const renumber = (x: readonly number[]) => x.map((_, i) => x[Math.floor(i / V) * V + order[i % V]!]!)
          const plain = await evaluate(objective, { student, first, second })
          const other = await evaluate(objective, {
            student: renumber(student),
            first: renumber(first),
            second: renumber(second),
          })
          expect(other.loss).toBeCloseTo(plain.loss, 9)
          for (const [i, part] of renumber([...plain.slope]).entries()) expect(other.slope[i]).toBeCloseTo(part, 9)
        },
      ),
      runs,
    ))

  test('tokens that do not count get no gradient, and change nothing', () =>
    fc.assert(
      fc.asyncProperty(fc.tuple(values, values, values, values), async ([student, first, second, other]) => {
        const weights = [0.5, 0, 0.5, 0]
        const { loss, slope } = await evaluate(objective, { student, first, second, weights })
        const masked = (i: number) => weights[Math.floor(i / V)] === 0
        for (const [i, part] of slope.entries()) if (masked(i)) expect(part === 0).toBe(true)
        const elsewhere = student.map((value, i) => (masked(i) ? other[i]! : value))
        expect((await evaluate(objective, { student: elsewhere, first, second, weights })).loss).toBeCloseTo(loss, 12)
      }),
      runs,
    ))

  test('rows of the embedding that only pad get no gradient', () =>
    fc.assert(
      fc.asyncProperty(fc.tuple(values, values, values), async ([student, first, second]) => {
        const cut = (x: readonly number[]) => x.filter((_, i) => i % V < V - 2)
        const { slope, loss } = await evaluate(objective, { student, first: cut(first), second: cut(second) }, V - 2)
        expect(Number.isFinite(loss)).toBe(true)
        for (const [i, part] of slope.entries()) if (i % V >= V - 2) expect(part === 0).toBe(true)
      }),
      runs,
    ))

  test('has a slope where they differ', async () => {
    const at = (phase: number) => Array.from({ length: ROWS * V }, (_, i) => 2 * Math.sin(phase + 1.3 * i))
    const { loss, slope } = await evaluate(objective, { student: at(0), first: at(1), second: at(2) })
    expect(loss).toBeGreaterThan(1e-3)
    expect(Math.max(...slope.map(Math.abs))).toBeGreaterThan(1e-3)
  })
})

test('two teachers that agree are as one, however they are put together', async () => {
  const at = (phase: number) => Array.from({ length: ROWS * V }, (_, i) => 2 * Math.sin(phase + 1.3 * i))
  const rows = { student: at(0), first: at(1), second: at(1) }
  const { loss } = await evaluate(softLabels({ alpha: 1 }), rows)
  for (const combine of ['mixture', 'logits', 'losses'] as const)
    for (const weights of [[1, 1], [5, 1], [0, 1], 'certainty'] as const)
      expect((await evaluate(multiTeacher({ weights, combine, alpha: 1 }), rows)).loss).toBeCloseTo(loss, 9)
})

test('the mean of forward KLs is the KL from the mixture and what the teachers differ by among themselves', async () => {
  const at = (phase: number) => Array.from({ length: ROWS * V }, (_, i) => 2 * Math.sin(phase + 1.3 * i))
  const of = async (student: number, combine: 'mixture' | 'losses') =>
    (
      await evaluate(multiTeacher({ weights: [1, 2], combine, alpha: 1 }), {
        student: at(student),
        first: at(1),
        second: at(2),
      })
    ).loss
  // The difference does not depend on the student, so both have one optimum.
  expect((await of(0, 'losses')) - (await of(0, 'mixture'))).toBeCloseTo(
    (await of(5, 'losses')) - (await of(5, 'mixture')),
    9,
  )
  expect(await of(0, 'losses')).toBeGreaterThan(await of(0, 'mixture'))
})

test('weights of teachers are checked', async () => {
  expect(() => multiTeacher({ weights: [0, 0] })).toThrow('not all 0')
  expect(() => multiTeacher({ weights: [1, -1] })).toThrow('expected weights >= 0')
  const three = multiTeacher({ weights: [1, 1, 1] })
  expect(() => three.terms(inputsOf(three))).toThrow('3 weights for 2 teachers')
})
