import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  add,
  attention,
  type Backend,
  cast,
  concat,
  constant,
  exp,
  f32,
  gather,
  gelu,
  geluTanh,
  graph,
  input,
  layerNorm,
  linear,
  matmul,
  maximum,
  mul,
  type Node,
  ortNodeBackend,
  ortWebBackend,
  quickGelu,
  type Resident,
  reduceMax,
  reduceMean,
  reduceSum,
  referenceBackend,
  relu,
  reshape,
  rmsNorm,
  rotary,
  round,
  sigmoid,
  silu,
  slice,
  softmax,
  sqrt,
  sub,
  type Tensor,
  type TensorF32,
  tanh,
  transpose,
} from '../src/index.ts'

const reference = referenceBackend()
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

/** Deterministic values in [-2, 2), so that a failing shape can be tried again. */
function values(shape: readonly number[], seed = 1): TensorF32 {
  let state = seed * 2654435761 + 12345
  const data = Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 30 - 2
  })
  return f32(shape, data)
}

async function run(backend: Backend, outputs: Record<string, Node>, inputs: Record<string, Tensor>) {
  const program = await backend.compile(graph(outputs))
  const results = (await program.run(inputs)) as Record<string, Tensor>
  await program.close()
  return results
}

async function agree(outputs: Record<string, Node>, inputs: Record<string, Tensor>, tolerance = 2e-5, backend = onnx) {
  const [expected, actual] = [await run(reference, outputs, inputs), await run(backend, outputs, inputs)]
  for (const name of Object.keys(outputs)) {
    expect(actual[name]!.shape, name).toEqual(expected[name]!.shape)
    const worst = Math.max(
      0,
      ...Array.from(expected[name]!.data as Float32Array, (e, i) => Math.abs(e - Number(actual[name]!.data[i]))),
    )
    expect(worst, `${name}: largest difference`).toBeLessThan(tolerance)
  }
}

const x = input('x', 'f32', ['batch', 'tokens', 6])

describe('ONNX Runtime computes what the interpreter defines', () => {
  test('elementwise functions, over an odd shape', async () => {
    const outputs = {
      silu: silu(x),
      gelu: gelu(x),
      geluTanh: geluTanh(x),
      quickGelu: quickGelu(x),
      relu: relu(x),
      tanh: tanh(x),
      sigmoid: sigmoid(x),
      exp: exp(x),
      round: round(mul(x, constant(3))),
      sqrt: sqrt(mul(x, x)),
      maximum: maximum(x, constant(0.25)),
    }
    await agree(outputs, { x: values([2, 3, 6]) })
  })

  test('rounds half to even', async () => {
    const v = input('v', 'f32', ['n'])
    const halves = f32([6], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    for (const backend of [reference, onnx])
      expect([...(await run(backend, { r: round(v) }, { v: halves })).r!.data].map(Number)).toEqual([
        -2, -2, -0, 0, 2, 2,
      ])
  })

  test('norms, softmax, reductions, casts', async () => {
    const weight = input('weight', 'f32', [6])
    const bias = input('bias', 'f32', [6])
    const outputs = {
      rms: rmsNorm(x, weight, 1e-5),
      layer: layerNorm(x, weight, bias, 1e-5),
      plain: layerNorm(x, weight, undefined, 1e-5),
      softmax: softmax(x),
      sum: reduceSum(x, [0, 1]),
      mean: reduceMean(x, [-1]),
      max: reduceMax(x, [0, 1]),
      cast: cast(cast(x, 'i32'), 'f32'),
    }
    await agree(outputs, { x: values([3, 5, 6]), weight: values([6], 2), bias: values([6], 3) })
  })

  test('movement: reshape, transpose, slice, concat, gather', async () => {
    const ids = input('ids', 'i32', [4])
    const heads = reshape(x, ['batch', 'tokens', 3, 2])
    const outputs = {
      heads,
      flat: reshape(x, ['batch*tokens', 6]),
      back: transpose(heads, [0, 2, 1, 3]),
      part: slice(x, -1, 1, 5),
      joined: concat([x, mul(x, constant(2))], 1),
      picked: gather(x, ids, 2),
    }
    await agree(outputs, { x: values([2, 3, 6]), ids: { dtype: 'i32', shape: [4], data: Int32Array.of(5, 0, 3, 3) } })
  })

  test('products of any shape and orientation', async () => {
    const dim = fc.integer({ min: 1, max: 9 })
    const shapes = fc.record({ b: dim, m: dim, k: dim, n: dim, transA: fc.boolean(), transB: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(shapes, async ({ b, m, k, n, transA, transB }) => {
        const a = input('a', 'f32', ['b', ...(transA ? [k, m] : [m, k])])
        const c = input('c', 'f32', transB ? [n, k] : [k, n])
        const args = { a: values([b, ...(transA ? [k, m] : [m, k])]), c: values(transB ? [n, k] : [k, n], 2) }
        await agree({ y: matmul(a, c, { transA, transB }) }, args)
      }),
      { numRuns: 25 },
    )
  })

  test('linear with bias', async () => {
    const outputs = { y: linear(x, input('w', 'f32', [4, 6]), input('b', 'f32', [4])) }
    await agree(outputs, { x: values([2, 3, 6]), w: values([4, 6], 2), b: values([4], 3) })
  })

  test('rotary, half and neighbouring pairs, partial', async () => {
    const q = input('q', 'f32', ['batch', 'tokens', 16])
    const cos = input('cos', 'f32', ['tokens', 2])
    const sin = input('sin', 'f32', ['tokens', 2])
    const outputs = {
      halves: rotary(q, cos, sin, { heads: 2 }),
      pairs: rotary(q, cos, sin, { heads: 2, interleaved: true }),
    }
    await agree(outputs, { q: values([2, 3, 16]), cos: values([3, 2], 2), sin: values([3, 2], 3) })
  })

  // headDim 8 takes the fused kernel, 6 the plain one; a longer key side is a cache.
  test.each([
    { headDim: 8, past: 0 },
    { headDim: 6, past: 0 },
    { headDim: 8, past: 3 },
    { headDim: 6, past: 2 },
  ])('attention, headDim $headDim with $past cached', async ({ headDim, past }) => {
    const keys = past > 0 ? 'keys' : 'tokens'
    const q = input('q', 'f32', ['batch', 'tokens', 4 * headDim])
    const k = input('k', 'f32', ['batch', keys, 2 * headDim])
    const v = input('v', 'f32', ['batch', keys, 2 * headDim])
    const common = { heads: 4, kvHeads: 2 }
    const outputs = {
      plain: attention(q, k, v, common),
      window: attention(q, k, v, { ...common, window: 3 }),
      softcap: attention(q, k, v, { ...common, softcap: 1.5 }),
      scale: attention(q, k, v, { ...common, scale: 0.3 }),
    }
    const tokens = 5
    await agree(outputs, {
      q: values([2, tokens, 4 * headDim]),
      k: values([2, tokens + past, 2 * headDim], 2),
      v: values([2, tokens + past, 2 * headDim], 3),
    })
  })

  test('ONNX Runtime Web (wasm) agrees too', async () => {
    const web = await ortWebBackend()
    const weight = input('weight', 'f32', [6])
    await agree({ y: silu(rmsNorm(x, weight, 1e-6)) }, { x: values([2, 3, 6]), weight: values([6], 2) }, 2e-5, web)
  })
})

describe('graphs', () => {
  test('residents: keep, read, take', async () => {
    for (const backend of [reference, onnx]) {
      const before = input('sum', 'f32', [1, 1, 6])
      const program = await backend.compile(
        graph({ double: mul(x, constant(2)), sum: add(reduceSum(x, [0, 1]), before) }),
      )
      const given = values([1, 2, 6])
      const nothing = await backend.upload({ dtype: 'f32', shape: [1, 1, 6], data: new Float32Array(6) })
      const first = await program.run({ x: given, sum: nothing }, { keep: ['double', 'sum'] })
      const second = await program.run({ x: first.double!, sum: first.sum! }, { keep: ['sum'] })
      const total = second.sum as Resident
      ;((await total.read()).data as Float32Array).fill(0)
      const sums = (await total.take()).data
      for (let i = 0; i < 6; i++) expect(sums[i]).toBeCloseTo(3 * (given.data[i]! + given.data[i + 6]!), 5)
    }
  })

  test('wrong shapes and types are refused with names', async () => {
    const program = await onnx.compile(graph({ y: mul(x, constant(2)) }))
    await expect(program.run({ x: values([2, 3, 5]) })).rejects.toThrow(
      'graph input "x": expected shape [batch, tokens, 6], got [2, 3, 5]',
    )
    await expect(program.run({})).rejects.toThrow('graph input "x" is missing')
    expect(() => linear(x, input('w', 'f32', [4, 5]))).toThrow(
      'linear: x [batch, tokens, 6] and weight [4, 5] do not fit',
    )
    expect(() => sub(x, cast(x, 'i32'))).toThrow('operands are f32 and i32')
  })
})

test('a backend that is closed at once ends, and one that was never used too', async () => {
  for (let i = 0; i < 4; i++) await ortNodeBackend({ threads: 1 }).close()
  const backend = ortNodeBackend({ threads: 1 })
  const running = backend.compile(graph({ y: relu(input('x', 'f32', ['n'])) }))
  await backend.close()
  // Settled before the end, one way or the other.
  await Promise.allSettled([running])
})
