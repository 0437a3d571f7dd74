import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bf16Bits, bf16ToF32, f32ToBf16, quantizedWeight, type Weight } from '../../src/index.ts'
import { BENCH_VALUES, groupBench } from '../../src/kernels/group-bench.ts'

const weightsOf = (count: number) =>
  fc.float32Array({ minLength: count, maxLength: count, noNaN: true, noDefaultInfinity: true, min: -4, max: 4 })
const pieces = fc
  .record({ groups: fc.integer({ min: 1, max: 6 }), group: fc.constantFrom(16, 32, 48, 64) })
  .chain(shape => weightsOf(shape.groups * shape.group).map(values => ({ ...shape, values })))

test('ranges: the least and the largest of every group', () => {
  fc.assert(
    fc.property(pieces, ({ values, group, groups }) => {
      const bench = groupBench()
      bench.values.set(values)
      bench.ranges(values.length, group)
      for (let g = 0; g < groups; g++) {
        const own = values.subarray(g * group, (g + 1) * group)
        expect([bench.lows[g], bench.highs[g]].map(x => x! + 0)).toEqual([Math.min(...own) + 0, Math.max(...own) + 0])
      }
    }),
  )
})

test('codes: the nearest level, halves to even, ends clamped, as in plain arithmetic', () => {
  const zero = fc.integer({ min: 0, max: 255 })
  const scale = fc.constantFrom(0.5, -0.5, 0.037109375, -(2 ** -24), 3)
  fc.assert(
    fc.property(pieces, scale, zero, fc.integer({ min: 2, max: 8 }), ({ values, group, groups }, s, z, bits) => {
      const bench = groupBench()
      const max = 2 ** bits - 1
      // Ties too: multiples of half a step.
      const some = values.map((value, k) => (k % 3 ? value : Math.round(value * 4) * (s / 2)))
      bench.values.set(some)
      bench.scales.fill(s, 0, groups)
      bench.zeros.fill(z, 0, groups)
      bench.round(some.length, group, max)
      const expected = Array.from(some, value => {
        const q = Math.fround(value / s)
        const down = Math.floor(q)
        const even = q - down === 0.5 ? down + (Math.abs(down % 2) === 1 ? 1 : 0) : Math.round(q)
        return Math.max(0, Math.min(max, even + z))
      })
      expect(Array.from(bench.codes.subarray(0, some.length))).toEqual(expected)
    }),
  )
})

test('compare: sums in f64, and zeros of either sign; any length', () => {
  const arrays = fc.integer({ min: 1, max: 37 }).chain(n => fc.tuple(weightsOf(n), weightsOf(n)))
  fc.assert(
    fc.property(arrays, ([a, b]) => {
      const changed = b.map((value, k) => (k % 4 === 0 ? 0 : k % 4 === 1 ? -0 : value))
      const { error, total, zeros } = groupBench().compare(a, changed)
      const sum = (of: (value: number, k: number) => number) => Array.from(a, of).reduce((x, y) => x + y, 0)
      expect(error).toBeCloseTo(
        sum((value, k) => (value - changed[k]!) ** 2),
        9,
      )
      expect(total).toBeCloseTo(
        sum(value => value ** 2),
        9,
      )
      expect(zeros).toBe(changed.filter(value => value === 0).length)
    }),
  )
})

test('bf16 of long arrays: every pattern, NaN and ties, like one number at a time', () => {
  const patterns = Uint32Array.from({ length: 3 * BENCH_VALUES + 5 }, (_, k) => (k * 2654435761) ^ (k % 7 ? 0 : 0x8000))
  patterns.set([0x7f800001, 0xffc00000, 0x7f800000, 0x00008000, 0x00018000, 0x7f7fffff])
  const values = new Float32Array(patterns.buffer)
  expect(f32ToBf16(values)).toEqual(Uint16Array.from(values, value => f32ToBf16(Float32Array.of(value))[0]!))
  expect(bf16Bits(1.5)).toBe(f32ToBf16(new Float32Array(5000).fill(1.5))[4999])
})

test('bf16 widens in the memory that it lies in', () => {
  const count = 2 * BENCH_VALUES + 1001
  const memory = new Float32Array(count)
  const halves = new Uint16Array(memory.buffer, 2 * count, count)
  for (let k = 0; k < count; k++) halves[k] = (k * 40503) & 0x7f7f
  const apart = bf16ToF32(halves.slice())
  expect(bf16ToF32(halves, memory)).toEqual(apart)
})

test('levels of rows that suit the bench are those of rows that do not', () => {
  const bits = fc.integer({ min: 2, max: 8 })
  fc.assert(
    fc.property(bits, fc.constantFrom('none', 'integer', 'min'), fc.nat(), (width, zero, seed) => {
      const [rows, cols, groupSize] = [5, 96, 32]
      const groups = cols / groupSize
      const codes = Uint8Array.from({ length: rows * cols }, (_, k) => ((k + seed) * 7919) % 2 ** width)
      const grid = (scale: number) =>
        Float32Array.from({ length: rows * groups }, (_, k) => scale * Math.fround(Math.sin(k + seed)))
      const scales = grid(0.1)
      const mins = grid(1)
      const zeroPoints = Uint8Array.from({ length: rows * groups }, (_, k) => (k + seed) % 2 ** width)
      const shape = [rows, groups]
      const made = (columns: number, some: Uint8Array): Weight =>
        quantizedWeight({
          shape: [rows, columns],
          bits: width,
          groupSize,
          codes: some,
          scales: { dtype: 'f32', shape, data: scales },
          ...(zero === 'integer' && { zeroPoints }),
          ...(zero === 'min' && { mins: { dtype: 'f32' as const, shape, data: mins } }),
        })
      const regular = made(cols, codes).dense().data
      // One column less, and the last group is short.
      const short = codes.filter((_, k) => k % cols !== cols - 1)
      const irregular = made(cols - 1, short).dense().data
      expect(irregular).toEqual(regular.filter((_, k) => k % cols !== cols - 1))
    }),
  )
})
