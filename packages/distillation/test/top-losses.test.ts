import { readGolden } from '@sinter/model/testing'
import {
  div,
  grad,
  graph,
  input,
  logSoftmax,
  mul,
  ortNodeBackend,
  reduceSum,
  referenceBackend,
  reshape,
  type Tensor,
  takeAlong,
  topIndices,
} from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { forwardKl, NO_TOKEN, type TopLoss, topLabels, topRenormalised, topTail } from '../src/index.ts'

const golden = readGolden(new URL('./fixtures/losses/token_losses.safetensors', import.meta.url))
const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

const VOCABULARY = 19

/** Tokens labelled −100 are not counted. */
function recordedInputs(): Record<string, Tensor> {
  const { shape, data } = golden.tensor('labels')
  const counted = Float32Array.from(data as Int32Array, label => (label < 0 ? 0 : 1))
  const weights: Tensor = { dtype: 'f32', shape, data: counted }
  return { teacher: golden.tensor('teacher'), student: golden.tensor('student'), weights }
}

describe('recorded losses and gradients', () => {
  const logits = (name: string) => input(name, 'f32', ['b', 't', VOCABULARY])
  const weights = input('weights', 'f32', ['b', 't'])
  test.each<[string, number, TopLoss]>([
    ['topk4_tail', 2.013881625124871, topTail],
    ['topk4_renormalised', 1.2938345378990386, topRenormalised()],
  ])('%s', async (name, value, loss) => {
    const teacher = logSoftmax(logits('teacher'))
    const ids = topIndices(teacher, 4)
    const rows = reshape(loss(logits('student'), ids, takeAlong(teacher, ids)), ['b', 't'])
    const mean = div(reduceSum(mul(rows, weights), [0, 1]), reduceSum(weights, [0, 1]))
    const g = grad(graph({ mean }), { of: 'mean', wrt: ['student'] })
    for (const [backend, close, closeSlope] of [
      [exact, 1e-10, 1e-10],
      [onnx, 1e-5, 1e-6],
    ] as const) {
      const results = (await (await backend.compile(g)).run(recordedInputs())) as Record<string, Tensor>
      expect(Math.abs(Number(results.mean!.data[0]) - value) / value).toBeLessThan(close)
      const own = results['grad.student']!.data as Float64Array
      const recorded = golden.f64(`grad.${name}`)
      expect(recorded.some(slope => slope !== 0)).toBe(true)
      expect(recorded.reduce((worst, slope, i) => Math.max(worst, Math.abs(slope - own[i]!)), 0)).toBeLessThan(
        closeSlope,
      )
    }
  })
})

interface Row {
  readonly teacher: readonly number[]
  readonly student: readonly number[]
}

const WIDTH = 8
/** All different: which of equal ones is the k-th depends on their numbers, and may. */
const logitsOf = fc
  .uniqueArray(fc.integer({ min: -384, max: 384 }), { minLength: WIDTH, maxLength: WIDTH })
  .map(row => row.map(value => value / 64))
const row: fc.Arbitrary<Row> = fc.record({ teacher: logitsOf, student: logitsOf })

/** ln p of a row, and its tokens in order. */
function ranked(logits: readonly number[]): { ids: number[]; logProbs: number[] } {
  const sum = Math.log(logits.reduce((total, value) => total + Math.exp(value), 0))
  const ids = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b)
  return { ids, logProbs: ids.map(id => logits[id]! - sum) }
}

const tensor = (values: readonly number[]): Tensor => ({
  dtype: 'f64',
  shape: [1, 1, values.length],
  data: Float64Array.from(values),
})
const tokens = (ids: readonly number[]): Tensor => ({
  dtype: 'i32',
  shape: [1, 1, ids.length],
  data: Int32Array.from(ids),
})

async function valueAndSlope(
  loss: TopLoss,
  student: readonly number[],
  ids: readonly number[],
  logProbs: readonly number[],
) {
  const k = ids.length
  const value = loss(
    input('student', 'f32', [1, 1, student.length]),
    input('ids', 'i32', [1, 1, k]),
    input('logProbs', 'f32', [1, 1, k]),
  )
  const program = await exact.compile(grad(graph({ value }), { of: 'value', wrt: ['student'] }))
  const inputs = { student: tensor(student), ids: tokens(ids), logProbs: tensor(logProbs) }
  const results = (await program.run(inputs)) as Record<string, Tensor>
  return { value: Number(results.value!.data[0]), slope: results['grad.student']!.data as Float64Array }
}

async function fullKl({ teacher, student }: Row): Promise<number> {
  const [t, s] = ['t', 's'].map(name => input(name, 'f32', [1, 1, WIDTH])) as [never, never]
  const program = await exact.compile(graph({ y: forwardKl()(t, s) }))
  const { y } = (await program.run({ t: tensor(teacher), s: tensor(student) })) as { y: Tensor }
  return Number(y.data[0])
}

const top = (loss: TopLoss, { teacher, student }: Row, k: number) => {
  const { ids, logProbs } = ranked(teacher)
  return valueAndSlope(loss, student, ids.slice(0, k), logProbs.slice(0, k))
}

describe('the tail as one symbol', () => {
  test('never falls with k, is below the whole KL, and is it when k is the vocabulary', async () => {
    await fc.assert(
      fc.asyncProperty(row, async pair => {
        const whole = await fullKl(pair)
        let before = 0
        for (let k = 1; k <= WIDTH; k++) {
          const { value } = await top(topTail, pair, k)
          expect(value).toBeGreaterThan(before - 1e-6)
          expect(value).toBeLessThan(whole + 1e-6)
          before = value
        }
        expect(Math.abs(before - whole)).toBeLessThan(1e-6)
      }),
      { numRuns: 25 },
    )
  })

  test('is nothing, without a slope, for every k when the student is the teacher', async () => {
    await fc.assert(
      fc.asyncProperty(logitsOf, fc.integer({ min: 1, max: WIDTH }), async (logits, k) => {
        const { value, slope } = await top(topTail, { teacher: logits, student: logits }, k)
        expect(Math.abs(value)).toBeLessThan(1e-6)
        for (const part of slope) expect(Math.abs(part)).toBeLessThan(1e-6)
      }),
      { numRuns: 40 },
    )
  })

  test('has the slope of its values', async () => {
    await fc.assert(
      fc.asyncProperty(row, fc.integer({ min: 1, max: WIDTH - 1 }), async (pair, k) => {
        const { slope } = await top(topTail, pair, k)
        for (let i = 0; i < WIDTH; i++) {
          const moved = (by: number) => pair.student.map((value, j) => (i === j ? value + by : value))
          const { value: above } = await top(topTail, { ...pair, student: moved(1e-5) }, k)
          const { value: below } = await top(topTail, { ...pair, student: moved(-1e-5) }, k)
          expect(Math.abs((above - below) / 2e-5 - slope[i]!)).toBeLessThan(1e-6)
        }
      }),
      { numRuns: 8 },
    )
  })

  test('a student that is sure, and wrong, is still pulled back in 32 bits', async () => {
    const student = [40, 0, 0, 0]
    const g = grad(
      graph({
        value: topTail(input('s', 'f32', [1, 1, 4]), input('i', 'i32', [1, 1, 1]), input('p', 'f32', [1, 1, 1])),
      }),
      { of: 'value', wrt: ['s'] },
    )
    const f32 = (values: readonly number[]): Tensor => ({
      dtype: 'f32',
      shape: [1, 1, values.length],
      data: Float32Array.from(values),
    })
    const results = (await (
      await onnx.compile(g)
    ).run({ s: f32(student), i: tokens([0]), p: f32([Math.log(0.5)]) })) as Record<string, Tensor>
    // The rest is e⁻⁴⁰, far below what 1 − q can tell from nothing, and below the floor: the known half still pulls.
    expect([...(results['grad.s']!.data as Float32Array)].every(Number.isFinite)).toBe(true)
    const milder = (await (
      await onnx.compile(g)
    ).run({ s: f32([17, 0, 0, 0]), i: tokens([0]), p: f32([Math.log(0.5)]) })) as Record<string, Tensor>
    expect((milder['grad.s']!.data as Float32Array)[0]!).toBeCloseTo(0.5, 4)
    expect(Number(milder.value!.data[0])).toBeCloseTo(0.5 * Math.log(0.5) + 0.5 * (Math.log(0.5) + 17 - Math.log(3)), 4)
  })

  test('probabilities that round to more than 1 leave a number', async () => {
    const { value, slope } = await valueAndSlope(topTail, [1, 2, 3], [2, 1], [-0.1, -2.2])
    expect(Math.exp(-0.1) + Math.exp(-2.2)).toBeGreaterThan(1)
    expect(Number.isFinite(value)).toBe(true)
    expect([...slope].every(Number.isFinite)).toBe(true)
  })
})

describe('renormalised', () => {
  test('nothing, at any temperature, when the student is the teacher; the whole KL when k is the vocabulary', async () => {
    await fc.assert(
      fc.asyncProperty(row, fc.integer({ min: 1, max: WIDTH }), fc.constantFrom(0.5, 1, 2, 4), async (pair, k, tau) => {
        const same = await top(topRenormalised(tau), { teacher: pair.student, student: pair.student }, k)
        expect(Math.abs(same.value)).toBeLessThan(1e-9)
        const { value } = await top(topRenormalised(), pair, WIDTH)
        expect(value).toBeCloseTo(await fullKl(pair), 9)
      }),
      { numRuns: 30 },
    )
  })
})

describe.each([
  ['tail', topTail],
  ['renormalised', topRenormalised()],
  ['renormalised at 2', topRenormalised(2)],
] as const)('%s', (_, loss) => {
  test('does not care how tokens are numbered', async () => {
    const order = fc.shuffledSubarray([...Array(WIDTH).keys()], { minLength: WIDTH, maxLength: WIDTH })
    await fc.assert(
      fc.asyncProperty(row, fc.integer({ min: 1, max: WIDTH }), order, async ({ teacher, student }, k, ids) => {
        const renumber = (values: readonly number[]) => ids.map(id => values[id]!)
        const plain = await top(loss, { teacher, student }, k)
        const other = await top(loss, { teacher: renumber(teacher), student: renumber(student) }, k)
        expect(other.value).toBeCloseTo(plain.value, 9)
      }),
      { numRuns: 25 },
    )
  })

  test('gaps, where a teacher gave fewer tokens, change nothing', async () => {
    await fc.assert(
      fc.asyncProperty(row, fc.integer({ min: 1, max: 4 }), async ({ teacher, student }, k) => {
        const { ids, logProbs } = ranked(teacher)
        const plain = await valueAndSlope(loss, student, ids.slice(0, k), logProbs.slice(0, k))
        const padded = await valueAndSlope(
          loss,
          student,
          [...ids.slice(0, k), ids[0]!, ids[0]!],
          [...logProbs.slice(0, k), NO_TOKEN, NO_TOKEN],
        )
        expect(padded.value).toBeCloseTo(plain.value, 9)
        for (const [i, part] of plain.slope.entries()) expect(padded.slope[i]).toBeCloseTo(part, 9)
      }),
      { numRuns: 25 },
    )
  })
})

test('what cannot be right is refused', () => {
  expect(() => topLabels({ k: 8, temperature: 2 })).toThrow('with a tail the temperature is')
  expect(() => topLabels({ k: 1, rest: 'renormalise' })).toThrow('always certain')
  expect(topLabels({ k: 8, rest: 'renormalise', temperature: 2 }).topK).toBe(8)
})
