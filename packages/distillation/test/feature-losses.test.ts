import { readGolden } from '@sinter/model/testing'
import {
  type Backend,
  type Graph,
  grad,
  graph,
  input,
  linear,
  type Node,
  ortNodeBackend,
  reduceMean,
  referenceBackend,
  reshape,
  type Tensor,
  toF32,
  transpose,
} from '@sinter/tensor-core'
import { afterAll, describe, expect, test } from 'vitest'
import {
  attentionTransfer,
  hiddenCosine,
  hiddenMse,
  logRelation,
  relationKl,
  repeatHeads,
  toUnitRms,
} from '../src/index.ts'

const golden = readGolden(new URL('./fixtures/losses/feature_losses.safetensors', import.meta.url))
const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

const all = (x: Node) => reduceMean(x, [...x.shape.keys()])
const byChannel = (name: string) => {
  const x = input(name, 'f32', ['b', name, 4, 5])
  return transpose(reshape(x, ['b', name, 20]), [0, 2, 1])
}
const heads = (name: string) => {
  const x = input(`minilm.${name}`, 'f32', ['b', 3, 't', 4])
  return reshape(transpose(x, [0, 2, 1, 3]), ['b', 't', 12])
}
const relation = (queries: string, keys: string) => logRelation(heads(queries), heads(keys), { heads: 3 })
const hidden = (name: string, width: number) => input(`hidden.${name}`, 'f32', ['b', 't', width])
const carried = () => linear(hidden('student', 4), input('hidden.projection', 'f32', [6, 4]))

/** value, and the names of recorded gradients by input. */
const cases: Readonly<Record<string, [value: number, y: () => Node, Readonly<Record<string, string>>, exact: number]>> =
  {
    'attention transfer': [
      0.02406878024339676,
      () => all(attentionTransfer(byChannel('at.student'), byChannel('at.teacher'))),
      { 'at.student': 'at.grad' },
      1e-6,
    ],
    'MiniLM attention': [
      0.4258944952605488,
      () => all(relationKl(relation('qs', 'ks'), relation('qt', 'kt'))),
      { 'minilm.qs': 'minilm.grad.qs', 'minilm.ks': 'minilm.grad.ks' },
      1e-10,
    ],
    'MiniLM values': [
      0.49524952320671495,
      () => {
        // One node for one input: a graph declares an input once.
        const [student, teacher] = [heads('vs'), heads('vt')]
        return all(relationKl(logRelation(student, student, { heads: 3 }), logRelation(teacher, teacher, { heads: 3 })))
      },
      { 'minilm.vs': 'minilm.grad.vs' },
      1e-10,
    ],
    'hidden MSE': [
      3.7824673514248297,
      () => all(hiddenMse(carried(), hidden('teacher', 6))),
      { 'hidden.student': 'hidden.grad_student', 'hidden.projection': 'hidden.grad_projection' },
      1e-10,
    ],
    'hidden cosine': [
      1.0515004513411375,
      () => all(hiddenCosine(carried(), hidden('teacher', 6))),
      { 'hidden.student': 'hidden.cosine_grad_student' },
      1e-10,
    ],
  }

async function run(backend: Backend, g: Graph, narrow: boolean): Promise<Record<string, Tensor>> {
  const inputs = [...g.inputs.keys()].map(name => {
    const tensor = golden.tensor(name)
    return [name, narrow ? toF32({ ...tensor, dtype: 'f32', data: Float32Array.from(golden.f64(name)) }) : tensor]
  })
  const program = await backend.compile(g)
  const results = (await program.run(Object.fromEntries(inputs))) as Record<string, Tensor>
  await program.close()
  return results
}

const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)

describe('recorded losses and gradients', () => {
  test.each(Object.entries(cases))('%s', async (_, [value, y, slopes, tolerance]) => {
    const g = grad(graph({ value: y() }), { of: 'value', wrt: Object.keys(slopes) })
    for (const [backend, close] of [
      [exact, tolerance],
      [onnx, 2e-6],
    ] as const) {
      const results = await run(backend, g, backend === onnx)
      expect(Math.abs(Number(results.value!.data[0]) - value)).toBeLessThan(close * Math.max(1, value))
      for (const [name, recorded] of Object.entries(slopes)) {
        const own = results[`grad.${name}`]!.data as Float64Array
        expect(own.some(slope => slope !== 0)).toBe(true)
        expect(furthest(golden.f64(recorded), own), name).toBeLessThan(close)
      }
    }
  })
})

test.each([
  ['hidden MSE', hiddenMse],
  ['hidden cosine', hiddenCosine],
  ['attention transfer', attentionTransfer],
  ['normalized MSE', (a: Node, b: Node) => hiddenMse(toUnitRms(a), toUnitRms(b))],
] as const)('%s is nothing, and has no slope, when the student is the teacher', async (_, loss) => {
  const student = hidden('student', 4)
  const other = input('other', 'f32', ['b', 't', 4])
  const g = grad(graph({ value: all(loss(student, other)) }), { of: 'value', wrt: ['hidden.student'] })
  const program = await exact.compile(g)
  const x = golden.tensor('hidden.student')
  const results = (await program.run({ 'hidden.student': x, other: x })) as Record<string, Tensor>
  expect(Math.abs(Number(results.value!.data[0]))).toBeLessThan(1e-12)
  expect(furthest(new Float64Array(40), results['grad.hidden.student']!.data as Float64Array)).toBeLessThan(1e-12)
})

test('a state of zeros has slopes that are numbers', async () => {
  const student = hidden('student', 4)
  const other = input('other', 'f32', ['b', 't', 4])
  for (const loss of [hiddenCosine, attentionTransfer, (a: Node, b: Node) => hiddenMse(toUnitRms(a), b)]) {
    const g = grad(graph({ value: all(loss(student, other)) }), { of: 'value', wrt: ['hidden.student'] })
    const zeros = { dtype: 'f32', shape: [2, 5, 4], data: new Float32Array(40) } as const
    const ones = { ...zeros, data: new Float32Array(40).fill(1) }
    for (const backend of [exact, onnx]) {
      const results = (await (await backend.compile(g)).run({ 'hidden.student': zeros, other: ones })) as Record<
        string,
        Tensor
      >
      expect([...(results['grad.hidden.student']!.data as Float32Array)].every(Number.isFinite)).toBe(true)
      expect(Number.isFinite(results.value!.data[0])).toBe(true)
    }
  }
})

test('heads that share keys get copies of them, each beside its own queries', async () => {
  const x = input('x', 'f32', ['b', 't', 4])
  const program = await exact.compile(graph({ y: repeatHeads(x, 2, 4) }))
  const data = Float32Array.of(1, 2, 3, 4)
  const { y } = (await program.run({ x: { dtype: 'f32', shape: [1, 1, 4], data } })) as { y: Tensor }
  expect([...(y.data as Float64Array)]).toEqual([1, 2, 1, 2, 3, 4, 3, 4])
})

test('a relation with a window and documents is that of each document alone', async () => {
  const of = (name: string) => input(name, 'f32', ['b', 't', 4])
  const [q, k] = [of('q'), of('k')]
  const documents = input('documents', 'i32', ['b', 't'])
  const whole = await exact.compile(graph({ y: logRelation(q, k, { heads: 2, window: 2, documents }) }))
  const alone = await exact.compile(graph({ y: logRelation(q, k, { heads: 2, window: 2 }) }))
  const x = (from: number, to: number, seed: number): Tensor => ({
    dtype: 'f32',
    shape: [1, to - from, 4],
    data: Float32Array.from({ length: 20 }, (_, i) => Math.sin(seed + 3 * i)).slice(4 * from, 4 * to),
  })
  const ids: Tensor = { dtype: 'i32', shape: [1, 5], data: Int32Array.of(0, 0, 0, 1, 1) }
  const { y } = (await whole.run({ q: x(0, 5, 1), k: x(0, 5, 2), documents: ids })) as { y: Tensor }
  const p = (head: number, row: number, column: number) => Math.exp(Number(y.data[head * 25 + row * 5 + column]))
  for (const [from, to] of [
    [0, 3],
    [3, 5],
  ] as const) {
    const part = (await alone.run({ q: x(from, to, 1), k: x(from, to, 2) })) as { y: Tensor }
    const size = to - from
    for (let head = 0; head < 2; head++)
      for (let row = 0; row < size; row++)
        for (let column = 0; column < 5; column++) {
          const inside = column >= from && column < to
          const own = inside ? Math.exp(Number(part.y.data[head * size * size + row * size + column - from])) : 0
          expect(p(head, from + row, column)).toBeCloseTo(own, 12)
        }
  }
  expect(p(0, 2, 0)).toBe(0)
})

test('relations of different numbers of heads are refused', () => {
  const x = input('x', 'f32', ['b', 't', 12])
  expect(() => relationKl(logRelation(x, x, { heads: 3 }), logRelation(x, x, { heads: 4 }))).toThrow('3 and 4 heads')
  expect(() => logRelation(x, x, { heads: 5 })).toThrow('5 heads of vectors of 12 and 12')
})
