import { describe, expect, test } from 'vitest'
import {
  add,
  argmax,
  constant,
  exp,
  f32,
  gather,
  grad,
  graph,
  input,
  mul,
  type Node,
  pullback,
  reduceSum,
  referenceBackend,
  reshape,
  round,
  stop,
  straightThrough,
  sub,
  type Tensor,
  tanh,
} from '../src/index.ts'

const exact = referenceBackend({ wide: true })

async function run(g: ReturnType<typeof graph>, inputs: Readonly<Record<string, Tensor>>) {
  const program = await exact.compile(g)
  const used = Object.fromEntries([...g.inputs.keys()].map(name => [name, inputs[name]!]))
  return (await program.run(used)) as Record<string, Tensor>
}

describe('grad', () => {
  const x = () => input('x', 'f32', ['n'])
  const run1 = async (loss: Node, wrt: string[], inputs: Record<string, Tensor>) =>
    run(grad(graph({ loss }), { of: 'loss', wrt }), inputs)

  test('of a scalar keeps the outputs and adds gradients', async () => {
    const v = x()
    const results = await run1(reshape(reduceSum(mul(v, mul(v, v)), [0]), []), ['x'], {
      x: f32([3], Float32Array.of(1, 2, 3)),
    })
    expect([...(results.loss!.data as Float64Array)]).toEqual([36])
    expect([...(results['grad.x']!.data as Float64Array)]).toEqual([3, 12, 27])
  })

  test('straight through: x + stop(round(x) − x) is round(x) with the gradient of x', async () => {
    const v = x()
    for (const rounded of [add(v, stop(sub(round(v), v))), straightThrough(round(v), v)]) {
      const results = await run1(reduceSum(mul(rounded, rounded), [0]), ['x'], {
        x: f32([2], Float32Array.of(1.4, -2.6)),
      })
      expect([...(results.loss!.data as Float64Array)]).toEqual([10])
      expect([...(results['grad.x']!.data as Float64Array)]).toEqual([2, -6])
    }
  })

  test('an input that the loss does not depend on has gradient zero', async () => {
    const v = x()
    const both = add(v, mul(stop(input('w', 'f32', ['n'])), constant(2)))
    const results = await run1(reduceSum(both, [0]), ['w', 'x'], {
      x: f32([2], Float32Array.of(1, 2)),
      w: f32([2], Float32Array.of(3, 4)),
    })
    expect([...(results['grad.w']!.data as Float64Array)]).toEqual([0, 0])
    expect([...(results['grad.x']!.data as Float64Array)]).toEqual([1, 1])
  })

  test('an expression used twice is computed once, in the gradient too', () => {
    const v = x()
    const once = tanh(v)
    const g = grad(graph({ loss: reduceSum(mul(once, tanh(v)), [0]) }), { of: 'loss', wrt: ['x'] })
    expect(g.nodes.filter(node => node.op === 'tanh')).toHaveLength(1)
  })

  test('what no output needs is not there', () => {
    const v = x()
    const w = input('w', 'f32', ['n'])
    const g = pullback(graph({ loss: reduceSum(mul(v, exp(w)), [0]) }), { given: { loss: 'g' }, wrt: ['x'] })
    expect([...g.inputs.keys()].toSorted()).toEqual(['g', 'w'])
    const other = pullback(graph({ loss: reduceSum(mul(v, w), [0]) }), { given: { loss: 'g' }, wrt: ['w'] })
    expect(other.nodes.filter(node => node.op === 'mul')).toHaveLength(1)
  })

  test('names that are not there are said', () => {
    const v = x()
    const g = graph({ loss: reduceSum(v, [0]) })
    expect(() => grad(g, { of: 'los', wrt: ['x'] })).toThrow('no output "los"; it has loss')
    expect(() => grad(g, { of: 'loss', wrt: ['y'] })).toThrow('no input "y"; it has x')
    expect(() => pullback(graph({ y: gather(v, argmax(v), 0) }), { given: { y: 'g' }, wrt: ['x'] })).not.toThrow()
  })
})
