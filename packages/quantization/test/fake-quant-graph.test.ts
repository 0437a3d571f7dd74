import { goldenTest } from '@sinter/model/testing'
import { graph, input, pullback, referenceBackend, reshape, type Tensor } from '@sinter/tensor-core'
import { expect } from 'vitest'
import { fakeQuantize, learnedStep } from '../src/qat/fake-quant-graph.ts'

const exact = referenceBackend({ wide: true })

const cases = {
  w3_row: { low: -4, high: 3, rows: true },
  w4_tensor: { low: -8, high: 7, rows: false },
  w4_sym_row: { low: -7, high: 7, rows: true },
  a4_positive: { low: 0, high: 15, rows: false },
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (v, i) => Math.abs(v - b[i]!)).reduce((x, y) => Math.max(x, y), 0)

goldenTest('learned step size: values and gradients', import.meta.url, 'fake_quant', ['ste_lsq'], async golden => {
  for (const [name, { low, high, rows }] of Object.entries(cases)) {
    const count = rows ? 5 : 1
    const scale = reshape(input('s', 'f32', [count]), [count, 1])
    const y = learnedStep(input('x', 'f32', [5, 16]), scale, { low, high }, 1 / Math.sqrt(80 * high))
    const g = pullback(graph({ y }), { given: { y: 'given' }, wrt: ['x', 's'] })
    const inputs = {
      x: golden.tensor(`${name}.x`),
      s: golden.tensor(`${name}.s`),
      given: golden.tensor(`${name}.grad_y`),
    }
    const forward = (await (await exact.compile(graph({ y }))).run({ x: inputs.x, s: inputs.s })) as { y: Tensor }
    const back = (await (await exact.compile(g)).run(inputs)) as Record<string, Tensor>
    expect(largest(forward.y.data as Float64Array, golden.f64(`${name}.y`)), name).toBeLessThan(1e-10)
    expect(largest(back['grad.x']!.data as Float64Array, golden.f64(`${name}.grad_x`)), name).toBeLessThan(1e-10)
    expect(largest(back['grad.s']!.data as Float64Array, golden.f64(`${name}.grad_s`)), name).toBeLessThan(1e-10)
  }
})

goldenTest('straight through: values and gradients', import.meta.url, 'fake_quant', ['ste_lsq'], async golden => {
  // The recorded quantizer has zero points: x is moved by them, which rounding does not see.
  const zeros = golden.f64('ste.zero')
  const scales = golden.f64('ste.scale')
  const x = golden.f64('ste.x')
  for (let row = 0; row < 5; row++) {
    const range = { low: -8 - zeros[row]!, high: 7 - zeros[row]! }
    const y = fakeQuantize(input('x', 'f32', [16]), input('s', 'f32', []), range)
    const g = pullback(graph({ y }), { given: { y: 'given' }, wrt: ['x'] })
    const part = (values: Float64Array): Tensor => ({
      dtype: 'f64',
      shape: [16],
      data: values.slice(16 * row, 16 * row + 16),
    })
    const s: Tensor = { dtype: 'f64', shape: [], data: Float64Array.of(scales[row]!) }
    const given = part(golden.f64('ste.grad_y'))
    const forward = (await (await exact.compile(graph({ y }))).run({ x: part(x), s })) as { y: Tensor }
    const back = (await (
      await exact.compile(g)
    ).run(Object.fromEntries(Object.entries({ x: part(x), s, given }).filter(([key]) => g.inputs.has(key))))) as Record<
      string,
      Tensor
    >
    expect(largest(forward.y.data as Float64Array, part(golden.f64('ste.y')).data as Float64Array)).toBeLessThan(1e-6)
    expect(
      largest(back['grad.x']!.data as Float64Array, part(golden.f64('ste.grad_x')).data as Float64Array),
    ).toBeLessThan(1e-6)
  }
})
