import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  abs,
  add,
  addTo,
  attention,
  type Backend,
  cast,
  concat,
  createRng,
  type DType,
  div,
  erf,
  exp,
  expandLike,
  f32,
  gather,
  gelu,
  geluTanh,
  graph,
  input,
  layerNorm,
  linear,
  log,
  logSoftmax,
  matmul,
  maximum,
  minimum,
  mul,
  type Node,
  neg,
  opNames,
  opOf,
  ortNodeBackend,
  pullback,
  quickGelu,
  reduceMax,
  reduceMean,
  reduceSum,
  referenceBackend,
  relu,
  reshape,
  reshapeLike,
  rmsNorm,
  rotary,
  type Shape,
  scatterAlong,
  scatterRows,
  sigmoid,
  silu,
  slice,
  softmax,
  sqrt,
  sub,
  type Tensor,
  takeAlong,
  tanh,
  transpose,
  unslice,
} from '../src/index.ts'

const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

interface Dims {
  readonly batch: number
  readonly tokens: number
  readonly width: number
  readonly seed: number
}

interface Case {
  readonly y: Node
  /** Inputs that are differentiated. */
  readonly wrt: Readonly<Record<string, Tensor>>
  readonly fixed?: Readonly<Record<string, Tensor>>
}

type Make = (d: Dims) => Case

const normal = (shape: readonly number[], seed: number, offset = 0): Tensor => {
  const rng = createRng(seed)
  return f32(
    shape,
    Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => offset + rng.normal()),
  )
}

const whole = (shape: readonly number[], below: number, seed: number): Tensor => {
  const rng = createRng(seed)
  const data = Int32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => Math.floor(rng.uniform() * below))
  return { dtype: 'i32', shape, data }
}

const stream = (width: number | string, name = 'x', dtype: DType = 'f32') =>
  input(name, dtype, ['batch', 'tokens', width])

const stream2 = (name: string) => input(name, 'i32', ['batch', 'tokens'])

const unaryCase =
  (f: (x: Node) => Node, offset = 0): Make =>
  ({ batch, tokens, width, seed }) => ({
    y: f(stream(width)),
    wrt: { x: offset === 0 ? normal([batch, tokens, width], seed) : positive([batch, tokens, width], seed) },
  })

const positive = (shape: readonly number[], seed: number): Tensor => {
  const t = normal(shape, seed)
  return f32(
    shape,
    (t.data as Float32Array).map(v => 0.5 + Math.abs(v)),
  )
}

/** The second operand is broadcast along any of its dimensions. */
const binaryCase =
  (f: (a: Node, b: Node) => Node): Make =>
  ({ batch, tokens, width, seed }) => {
    const shapes: readonly [Shape, readonly number[]][] = [
      [
        ['batch', 'tokens', width],
        [batch, tokens, width],
      ],
      [[width], [width]],
      [
        [1, width],
        [1, width],
      ],
      [
        ['batch', 1, 1],
        [batch, 1, 1],
      ],
      [[], []],
    ]
    const [shape, actual] = shapes[seed % shapes.length]!
    return {
      y: f(stream(width), input('b', 'f32', shape)),
      wrt: { x: normal([batch, tokens, width], seed), b: positive(actual, seed + 1) },
    }
  }

const reduceCase =
  (f: (x: Node, axes: readonly number[]) => Node): Make =>
  ({ batch, tokens, width, seed }) => ({
    y: f(stream(width), [[0], [1], [-1], [0, 1], [0, 1, 2]][seed % 5]!),
    wrt: { x: normal([batch, tokens, width], seed) },
  })

const attentionCase =
  (options: { heads: number; kvHeads: number; window?: number; softcap?: number }, headDim: number): Make =>
  ({ batch, tokens, seed }) => ({
    y: attention(
      stream(options.heads * headDim, 'q'),
      stream(options.kvHeads * headDim, 'k'),
      stream(options.kvHeads * headDim, 'v'),
      options,
    ),
    wrt: {
      q: normal([batch, tokens, options.heads * headDim], seed),
      k: normal([batch, tokens, options.kvHeads * headDim], seed + 1),
      v: normal([batch, tokens, options.kvHeads * headDim], seed + 2),
    },
  })

const cases: Readonly<Record<string, readonly Make[]>> = {
  neg: [unaryCase(neg)],
  abs: [unaryCase(abs)],
  exp: [unaryCase(exp)],
  log: [unaryCase(log, 1)],
  sqrt: [unaryCase(sqrt, 1)],
  tanh: [unaryCase(tanh)],
  sigmoid: [unaryCase(sigmoid)],
  relu: [unaryCase(relu)],
  erf: [unaryCase(erf)],
  silu: [unaryCase(silu)],
  gelu: [unaryCase(gelu)],
  geluTanh: [unaryCase(geluTanh)],
  quickGelu: [unaryCase(quickGelu)],
  add: [binaryCase(add)],
  sub: [binaryCase(sub)],
  mul: [binaryCase(mul)],
  div: [binaryCase(div)],
  maximum: [binaryCase(maximum)],
  minimum: [binaryCase(minimum)],
  'reduce.sum': [reduceCase(reduceSum)],
  'reduce.mean': [reduceCase(reduceMean)],
  'reduce.max': [reduceCase(reduceMax)],
  softmax: [unaryCase(softmax)],
  logSoftmax: [unaryCase(logSoftmax)],
  cast: [unaryCase(x => cast(cast(x, 'f64'), 'f32'))],
  reshape: [
    ({ batch, tokens, width, seed }) => ({
      y: reshape(reshape(stream(2 * width), ['batch*tokens', 2 * width]), ['batch*tokens', 2, width]),
      wrt: { x: normal([batch, tokens, 2 * width], seed) },
    }),
  ],
  reshapeLike: [
    ({ batch, tokens, width, seed }) => ({
      y: reshapeLike(stream(width), input('like', 'f32', [width, 'tokens', 'batch'])),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { like: normal([width, tokens, batch], 1) },
    }),
  ],
  expandLike: [
    ({ batch, tokens, width, seed }) => ({
      y: expandLike(input('x', 'f32', ['batch', 1, width]), stream(width, 'like')),
      wrt: { x: normal([batch, 1, width], seed) },
      fixed: { like: normal([batch, tokens, width], 1) },
    }),
  ],
  transpose: [
    ({ batch, tokens, width, seed }) => ({
      y: transpose(stream(width), [2, 0, 1]),
      wrt: { x: normal([batch, tokens, width], seed) },
    }),
  ],
  slice: [
    ({ batch, tokens, width, seed }) => ({
      y: slice(stream(width + 2), -1, 1, width + 1),
      wrt: { x: normal([batch, tokens, width + 2], seed) },
    }),
  ],
  unslice: [
    ({ batch, tokens, width, seed }) => ({
      y: unslice(stream(width), stream(width + 3, 'like'), 2, 1),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { like: normal([batch, tokens, width + 3], 1) },
    }),
  ],
  concat: [
    ({ batch, tokens, width, seed }) => ({
      y: concat([stream(width), stream(2, 'b')], 2),
      wrt: { x: normal([batch, tokens, width], seed), b: normal([batch, tokens, 2], seed + 1) },
    }),
  ],
  gather: [
    ({ batch, tokens, width, seed }) => ({
      y: gather(input('x', 'f32', [5, width]), input('ids', 'i32', ['batch', 'tokens'])),
      wrt: { x: normal([5, width], seed) },
      fixed: { ids: whole([batch, tokens], 5, seed) },
    }),
  ],
  scatterRows: [
    ({ batch, tokens, width, seed }) => ({
      y: scatterRows(stream(width), input('ids', 'i32', ['batch', 'tokens']), input('like', 'f32', [5, width])),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { ids: whole([batch, tokens], 5, seed), like: normal([5, width], 1) },
    }),
  ],
  takeAlong: [
    ({ batch, tokens, width, seed }) => ({
      y: takeAlong(stream(width), stream(3, 'ids', 'i32')),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { ids: whole([batch, tokens, 3], width, seed) },
    }),
  ],
  scatterAlong: [
    ({ batch, tokens, width, seed }) => ({
      y: scatterAlong(stream(3), stream(3, 'ids', 'i32'), stream(width, 'like')),
      wrt: { x: normal([batch, tokens, 3], seed) },
      fixed: { ids: whole([batch, tokens, 3], width, seed), like: normal([batch, tokens, width], 1) },
    }),
  ],
  linear: [
    ({ batch, tokens, width, seed }) => ({
      y: linear(stream(width), input('w', 'f32', [3, width]), input('b', 'f32', [3])),
      wrt: { x: normal([batch, tokens, width], seed), w: normal([3, width], seed + 1), b: normal([3], seed + 2) },
    }),
    ({ tokens, width, seed }) => ({
      y: linear(input('x', 'f32', ['tokens', width]), input('w', 'f32', [2, width])),
      wrt: { x: normal([tokens, width], seed), w: normal([2, width], seed + 1) },
    }),
  ],
  matmul: [false, true].flatMap(transA =>
    [false, true].map(
      (transB): Make =>
        ({ batch, tokens, width, seed }) => {
          const flip = <T>(pair: readonly [T, T], turn: boolean) => (turn ? pair.toReversed() : pair)
          // The second operand is shared by the whole batch every other time.
          const lead = seed % 2 === 0 ? ['batch'] : []
          const leadOf = seed % 2 === 0 ? [batch] : []
          return {
            y: matmul(
              input('a', 'f32', ['batch', ...flip<number | string>(['tokens', width], transA)]),
              input('b', 'f32', [...lead, ...flip([width, 3], transB)]),
              { transA, transB },
            ),
            wrt: {
              a: normal([batch, ...flip([tokens, width], transA)], seed),
              b: normal([...leadOf, ...flip([width, 3], transB)], seed + 1),
            },
          }
        },
    ),
  ),
  addProduct: [false, true].map(
    (transA): Make =>
      ({ tokens, width, seed }) => ({
        y: addTo(
          input('c', 'f32', [width, 3]),
          matmul(input('a', 'f32', transA ? ['tokens', width] : [width, 'tokens']), input('b', 'f32', ['tokens', 3]), {
            transA,
          }),
        ),
        wrt: {
          a: normal(transA ? [tokens, width] : [width, tokens], seed),
          b: normal([tokens, 3], seed + 1),
          c: normal([width, 3], seed + 2),
        },
      }),
  ),
  rmsNorm: [
    ({ batch, tokens, width, seed }) => ({
      y: rmsNorm(stream(width), input('w', 'f32', [width]), 1e-3),
      wrt: { x: normal([batch, tokens, width], seed), w: normal([width], seed + 1) },
    }),
  ],
  layerNorm: [true, false].map(
    (biased): Make =>
      ({ batch, tokens, width, seed }) => ({
        y: layerNorm(
          stream(width + 1),
          input('w', 'f32', [width + 1]),
          biased ? input('b', 'f32', [width + 1]) : undefined,
          1e-2,
        ),
        wrt: {
          x: normal([batch, tokens, width + 1], seed),
          w: normal([width + 1], seed + 1),
          ...(biased && { b: normal([width + 1], seed + 2) }),
        },
      }),
  ),
  rotary: [true, false].map(
    (interleaved): Make =>
      ({ batch, tokens, seed }) => ({
        y: rotary(stream(24), input('cos', 'f32', ['tokens', 4]), input('sin', 'f32', ['tokens', 4]), {
          heads: 2,
          interleaved,
        }),
        wrt: { x: normal([batch, tokens, 24], seed) },
        fixed: { cos: normal([tokens, 4], seed + 1), sin: normal([tokens, 4], seed + 2) },
      }),
  ),
  attention: [
    attentionCase({ heads: 2, kvHeads: 2 }, 3),
    attentionCase({ heads: 4, kvHeads: 2, window: 2 }, 8),
    attentionCase({ heads: 3, kvHeads: 1, softcap: 2 }, 4),
    ({ batch, tokens, seed }) => {
      const make = attentionCase({ heads: 2, kvHeads: 1, window: 3 }, 4)({ batch, tokens, width: 1, seed })
      const starts = Array.from({ length: batch * tokens }, (_, i) => Math.floor((i % tokens) / (1 + (seed % 3))))
      return {
        ...make,
        y: attention(
          stream(8, 'q'),
          stream(4, 'k'),
          stream(4, 'v'),
          { heads: 2, kvHeads: 1, window: 3 },
          stream2('docs'),
        ),
        fixed: { docs: { dtype: 'i32', shape: [batch, tokens], data: Int32Array.from(starts) } },
      }
    },
    ({ batch, tokens, seed }) => {
      const x = stream(8)
      return {
        y: attention(x, x, x, { heads: 2, kvHeads: 2 }),
        wrt: { x: normal([batch, tokens, 8], seed) },
      }
    },
  ],
}

/** Operations through which nothing flows. */
const constants = [
  'argmax',
  'causalMask',
  'constant',
  'equal',
  'extent',
  'greater',
  'round',
  'sign',
  'stop',
  'topIndices',
]

/** Gradients that are not those of the value, on purpose: tried below. */
const chosen = ['straightThrough']

test('every operation has a gradient that is tried here, or none', () => {
  expect([...Object.keys(cases), ...constants, ...chosen].toSorted()).toEqual([...opNames()].toSorted())
  for (const name of constants) expect(opOf(name).gradient, name).toBe('none')
})

async function run(backend: Backend, g: ReturnType<typeof graph>, inputs: Readonly<Record<string, Tensor>>) {
  const program = await backend.compile(g)
  const used = Object.fromEntries([...g.inputs.keys()].map(name => [name, inputs[name]!]))
  const results = (await program.run(used)) as Record<string, Tensor>
  await program.close()
  return results
}

const wide = (t: Tensor): Tensor => ({ dtype: 'f64', shape: t.shape, data: Float64Array.from(t.data as Float32Array) })

/** Σ given·y and its gradients by moving each element both ways. */
async function differences(y: Node, inputs: Readonly<Record<string, Tensor>>, given: Float64Array, name: string) {
  const g = graph({ y })
  const program = await exact.compile(g)
  const moved = wide(inputs[name]!)
  const data = moved.data as Float64Array
  const value = async () => {
    const used = Object.fromEntries([...g.inputs.keys()].map(key => [key, key === name ? moved : inputs[key]!]))
    const { data: out } = (await program.run(used)).y as Tensor
    return (out as Float64Array).reduce((sum, v, i) => sum + v * given[i]!, 0)
  }
  const step = 1e-5
  const slopes = new Float64Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const before = data[i]!
    data[i] = before + step
    const up = await value()
    data[i] = before - step
    slopes[i] = (up - (await value())) / (2 * step)
    data[i] = before
  }
  return slopes
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length)
  const scale = Math.max(1e-3, ...Array.from(b, Math.abs))
  return Math.max(0, ...Array.from(b, (v, i) => Math.abs(v - a[i]!) / scale))
}

async function check(make: Make, dims: Dims): Promise<void> {
  const { y, wrt, fixed = {} } = make(dims)
  const inputs = { ...wrt, ...fixed }
  const [{ y: value }, names] = [(await run(exact, graph({ y }), inputs)) as { y: Tensor }, Object.keys(wrt)]
  const given = normal(value.shape, dims.seed + 9)
  const g = pullback(graph({ y }), { given: { y: 'given' }, wrt: names })
  const [found, onOnnx] = [await run(exact, g, { ...inputs, given }), await run(onnx, g, { ...inputs, given })]
  for (const name of names) {
    const expected = await differences(y, inputs, Float64Array.from(given.data as Float32Array), name)
    const key = `grad.${name}`
    expect(found[key]!.shape, key).toEqual(inputs[name]!.shape)
    expect(worst(found[key]!.data as Float64Array, expected), `${key} against differences`).toBeLessThan(1e-6)
    expect(onOnnx[key]!.shape, key).toEqual(inputs[name]!.shape)
    expect(worst(onOnnx[key]!.data as Float32Array, expected), `${key} on ONNX Runtime`).toBeLessThan(1e-4)
  }
}

const dims = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  tokens: fc.integer({ min: 1, max: 4 }),
  width: fc.integer({ min: 1, max: 4 }),
  seed: fc.integer({ min: 0, max: 1000 }),
})

describe('gradients against central differences in f64, and on ONNX Runtime', () => {
  for (const [name, makes] of Object.entries(cases))
    for (const [i, make] of makes.entries())
      test(`${name} ${i}`, async () => {
        await fc.assert(
          fc.asyncProperty(dims, d => check(make, d)),
          { numRuns: 8, seed: 1 },
        )
      }, 60_000)
})
