import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type Backend,
  graph,
  type Node,
  opNames,
  opOf,
  ortNodeBackend,
  pullback,
  referenceBackend,
  type Tensor,
} from '../src/index.ts'
import { elementwise } from './gradients/elementwise.ts'
import { type Dims, type Make, normal } from './gradients/make.ts'
import { products } from './gradients/products.ts'
import { shapes } from './gradients/shapes.ts'

const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

const cases: Readonly<Record<string, readonly Make[]>> = { ...elementwise, ...shapes, ...products }

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
