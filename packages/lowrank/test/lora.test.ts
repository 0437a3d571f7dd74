import { randomModel } from '@sinter/model/testing'
import { createRng, f32, type TensorF32 } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutLora, initialLora, lora, mergeLora, unmergeLora } from '../src/index.ts'

function normal(shape: readonly [number, number], seed: string, size = 1): TensorF32 {
  const rng = createRng(seed)
  return f32(
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, () => size * rng.normal()),
  )
}

/** ΔW in f64, by another route. */
function delta({ a, b, scale }: { a: TensorF32; b: TensorF32; scale: number }): Float64Array {
  const [rank, width] = a.shape as [number, number]
  const out = b.shape[0]!
  return Float64Array.from({ length: out * width }, (_, k) => {
    let sum = 0
    for (let r = rank - 1; r >= 0; r--)
      sum += b.data[Math.floor(k / width) * rank + r]! * a.data[r * width + (k % width)]!
    return scale * sum
  })
}

/** From one f32 to the next at x. */
const ulp = (x: number): number => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), 1e-30))) - 23)

describe('merging', () => {
  const shapes = fc.record({
    out: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    rank: fc.integer({ min: 1, max: 5 }),
    scale: fc.double({ min: 0.1, max: 10, noNaN: true }),
    seed: fc.string(),
  })
  const make = ({
    out,
    width,
    rank,
    scale,
    seed,
  }: {
    out: number
    width: number
    rank: number
    scale: number
    seed: string
  }) => ({
    weight: normal([out, width], `${seed} w`),
    factors: { a: normal([rank, width], `${seed} a`, 0.3), b: normal([out, rank], `${seed} b`, 0.3), scale },
  })

  test('every value is W + scale · B A rounded once', () => {
    fc.assert(
      fc.property(shapes, given => {
        const { weight, factors } = make(given)
        const d = delta(factors)
        mergeLora(weight, factors).data.forEach((value, i) => {
          const exact = weight.data[i]! + d[i]!
          // The two sums of products differ in the last bits of an f64.
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.5 * ulp(exact) + 1e-13)
        })
      }),
    )
  })

  test('taken out again, W is back to one rounding of each of the two sums', () => {
    fc.assert(
      fc.property(shapes, given => {
        const { weight, factors } = make(given)
        const merged = mergeLora(weight, factors)
        unmergeLora(merged, factors).data.forEach((value, i) => {
          const own = weight.data[i]!
          expect(Math.abs(value - own)).toBeLessThanOrEqual(0.5 * ulp(merged.data[i]!) + 0.5 * ulp(own) + 1e-13)
        })
      }),
    )
  })

  test('nothing is added by a fresh adapter, and nothing is changed in place', () => {
    const weight = normal([6, 4], 'w')
    const before = weight.data.slice()
    const { a, b } = initialLora([6, 4], 3, createRng(1))
    expect(mergeLora(weight, { a, b, scale: 2 }).data).toEqual(before)
    expect(weight.data).toEqual(before)
    expect(a.data.some(value => value !== 0)).toBe(true)
    expect(Math.max(...a.data.map(Math.abs))).toBeLessThanOrEqual(0.5)
  })

  test('factors of another matrix are refused', () => {
    const factors = { a: normal([2, 4], 'a'), b: normal([5, 2], 'b'), scale: 1 }
    expect(() => mergeLora(normal([6, 4], 'w'), factors)).toThrow(
      'adapter: A [2,4] and B [5,2] do not belong to a matrix [6,4]; expected A [rank, 4] and B [6, rank]',
    )
  })
})

test('an adapter cut to a rank is its first components, at the factor of that rank', () => {
  const full = { a: normal([4, 6], 'a'), b: normal([5, 4], 'b'), scale: 0.5 }
  const cut = cutLora(full, 3)
  expect(cut.a).toEqual(f32([3, 6], full.a.data.slice(0, 18)))
  expect([...cut.b.data]).toEqual([...full.b.data].filter((_, i) => i % 4 < 3))
  // alpha 2: alpha / 4 and alpha / 3.
  expect(cut.scale).toBeCloseTo(2 / 3, 15)
  expect(cutLora(full, 4)).toEqual(full)
  for (const rank of [0, 5, 1.5]) expect(() => cutLora(full, rank)).toThrow(/expected 1 … 4/)
})

test('targets that match nothing are told, with what there is', async () => {
  const model = randomModel()
  const made = lora.setUp(model, lora.options.parse({ targets: ['query'] }), { seed: 0 })
  await expect(made).rejects.toThrow(
    'lora: targets query match no layer; the model has self_attn.q_proj, self_attn.k_proj, self_attn.v_proj, self_attn.o_proj, ' +
      'mlp.gate_proj, mlp.up_proj, mlp.down_proj',
  )
})

test('as many parameters as rank · (in + out) of each layer', async () => {
  const setup = await lora.setUp(randomModel(), lora.options.parse({ rank: 3 }), { seed: 0 })
  const count = [...setup.parameters.values()].reduce((sum, { data }) => sum + data.length, 0)
  // Width 16, keys and values 8, MLP 24, two blocks.
  expect(count).toBe(2 * 3 * (2 * (16 + 16) + 2 * (16 + 8) + 3 * (16 + 24)))
})
