import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bf16Bits,
  bf16ToF32,
  castTo,
  decodeTable,
  encodeF8E4M3,
  encodeF8E5M2,
  f16Bits,
  f16ToF32,
  f16Value,
  f32ToBf16,
  f32ToF16,
  roundHalfEven,
  tensor,
  toF32,
  toF64,
} from '../src/index.ts'
import { golden } from './golden.ts'

const everyWord = Uint16Array.from({ length: 65536 }, (_, i) => i)
const sameNumbers = (a: Float32Array, b: Float32Array) => a.every((x, i) => Object.is(x, b[i]))

/** All 32-bit patterns are likely, so denormals, infinities and NaN come up. */
const anyFloat = fc.integer({ min: 0, max: 0xffffffff }).map(bits => new Float32Array(Uint32Array.of(bits).buffer)[0]!)

/** Nearest of a table's values to x, ties to the even code: an independent, slow definition of rounding. */
function nearestCode(x: number, magnitudes: readonly number[]): number {
  let best = 0
  for (let code = 1; code < magnitudes.length; code++) {
    const closer = Math.abs(magnitudes[code]! - x) - Math.abs(magnitudes[best]! - x)
    if (closer < 0 || (closer === 0 && code % 2 === 0)) best = code
  }
  return best
}

describe('rounding', () => {
  test('halves go to the even neighbour, on both sides of zero', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999999999999996].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2, -2, 2])
    expect(roundHalfEven(Number.NaN)).toBeNaN()
    expect(roundHalfEven(-Infinity)).toBe(-Infinity)
    expect(roundHalfEven(2 ** 60 + 2048)).toBe(2 ** 60 + 2048)
  })
})

describe('f16', () => {
  test('all 65,536 patterns come back', () => {
    const values = f16ToF32(everyWord)
    const back = f32ToF16(values)
    everyWord.forEach((bits, i) => {
      if (!Number.isNaN(values[i])) expect(back[i]).toBe(bits)
      else expect(back[i]! & 0x7e00).toBe(0x7e00)
    })
  })

  test("equals the engine's own half floats, where it has them", () => {
    const Half = (globalThis as { Float16Array?: new (buffer: ArrayBuffer) => ArrayLike<number> }).Float16Array
    if (!Half) return
    expect(sameNumbers(f16ToF32(everyWord), Float32Array.from(new Half(everyWord.slice().buffer)))).toBe(true)
  })

  test('rounds to nearest even at every midpoint and beside it', () => {
    for (let code = 0; code < 0x7bff; code++) {
      const middle = (f16Value(code) + f16Value(code + 1)) / 2
      expect(f16Bits(middle)).toBe(code % 2 === 0 ? code : code + 1)
      const step = new Float32Array([middle])
      const bits = new Uint32Array(step.buffer)
      bits[0]!++
      expect(f16Bits(step[0]!)).toBe(code + 1)
      bits[0]! -= 2
      expect(f16Bits(-step[0]!)).toBe(code | 0x8000)
    }
    expect(f16Bits(65519.99)).toBe(0x7bff)
    expect(f16Bits(65520)).toBe(0x7c00)
  })

  test('long arrays, which the kernels take, have the bits of single numbers: middles, their neighbours, every exponent', () => {
    const patterns = Array.from(everyWord.subarray(0, 0x7c00), code => {
      const middle = new Int32Array(Float32Array.of((f16Value(code) + f16Value(code + 1)) / 2).buffer)[0]!
      return [middle - 1, middle, middle + 1, (middle ^ 0x80000000) | 0, code << 17, (code << 17) | 0x1fff]
    }).flat()
    const values = new Float32Array(Int32Array.from(patterns).buffer)
    const bits = f32ToF16(values)
    const wrong = [...values.keys()].filter(i => bits[i] !== f16Bits(values[i]!))
    expect(wrong.filter(i => !Number.isNaN(values[i]))).toEqual([])
    expect(sameNumbers(f16ToF32(bits), Float32Array.from(bits, f16Value))).toBe(true)
  })
})

describe('bf16', () => {
  test('all 65,536 patterns come back; one and two elements, odd offsets', () => {
    const values = bf16ToF32(everyWord)
    const back = f32ToBf16(values)
    everyWord.forEach((bits, i) => {
      expect(back[i]! | (Number.isNaN(values[i]) ? 0x40 : 0)).toBe(bits | (Number.isNaN(values[i]) ? 0x40 : 0))
    })
    const odd = everyWord.subarray(0x3f81, 0x3f84)
    expect(Array.from(bf16ToF32(odd))).toEqual([1.0078125, 1.015625, 1.0234375])
  })

  test('is the upper half of the f32 rounded to nearest even', () => {
    fc.assert(
      fc.property(anyFloat, x => {
        const got = bf16ToF32(Uint16Array.of(bf16Bits(x)))[0]!
        if (Number.isNaN(x)) return Number.isNaN(got)
        const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!
        const low = bits & 0xffff
        const up = low > 0x8000 || (low === 0x8000 && (bits & 0x10000) !== 0)
        return bf16Bits(x) === (bits >>> 16) + (up ? 1 : 0)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('8-bit floats, against torch', () => {
  const torch = golden('float_formats/fp8_fp4')
  const floats = (name: string) => torch[name]!.data as Float32Array

  test.each([
    ['e4m3', 'f8e4m3', encodeF8E4M3],
    ['e5m2', 'f8e5m2', encodeF8E5M2],
  ] as const)('%s: table, saturating casts, ties', (name, dtype, encode) => {
    expect(sameNumbers(decodeTable(dtype), floats(`${name}.decode`))).toBe(true)
    expect(encode(floats('x'))).toEqual(torch[`${name}.encode_saturating`]!.data)
    expect(encode(floats(`${name}.midpoints`))).toEqual(torch[`${name}.midpoint_codes`]!.data)
  })

  test('any float goes to the nearest code, by search over the table', () => {
    for (const [dtype, encode, count] of [
      ['f8e4m3', encodeF8E4M3, 0x7f],
      ['f8e5m2', encodeF8E5M2, 0x7c],
    ] as const) {
      const magnitudes = Array.from(decodeTable(dtype).subarray(0, count))
      const near = fc.double({ min: -500, max: 500, noNaN: true }).map(Math.fround)
      fc.assert(
        fc.property(
          fc.oneof(
            near,
            near.map(x => Math.fround(x * 2 ** -12)),
          ),
          x => {
            const sign = Object.is(x, -0) || x < 0 ? 0x80 : 0
            return encode(Float32Array.of(x))[0] === (sign | nearestCode(Math.abs(x), magnitudes))
          },
        ),
        { numRuns: 1000 },
      )
    }
  })
})

describe('tensors', () => {
  test('f32 is handed on without a copy', () => {
    const t = tensor('f32', [2], Float32Array.of(1, 2))
    expect(toF32(t).data).toBe(t.data)
    expect(castTo(t, 'f32')).toBe(t)
  })

  test('every float type goes to f32 and f64 by its values', () => {
    expect(Array.from(toF32(tensor('f16', [2], Uint16Array.of(0x3c00, 0xc000))).data)).toEqual([1, -2])
    expect(Array.from(toF64(tensor('bf16', [1], Uint16Array.of(0x3f80))))).toEqual([1])
    expect(Array.from(toF64(tensor('f8e4m3', [2], Uint8Array.of(0x38, 0x7e))))).toEqual([1, 448])
    expect(Array.from(toF64(tensor('i64', [1], BigInt64Array.of(-7n))))).toEqual([-7])
  })

  test('whole numbers are cut towards zero, and refused when they do not fit', () => {
    const t = tensor('f32', [3], Float32Array.of(-1.9, 2.5, -0.3))
    expect(castTo(t, 'i8').data).toEqual(Int8Array.of(-1, 2, 0))
    expect(castTo(t, 'i64').data).toEqual(BigInt64Array.of(-1n, 2n, 0n))
    expect(castTo(t, 'bool').data).toEqual(Uint8Array.of(1, 1, 1))
    expect(() => castTo(t, 'u8')).toThrow('cast to u8: -1.899')
    expect(() => castTo(tensor('f32', [1], Float32Array.of(Number.NaN)), 'i64')).toThrow(
      'NaN at element 0 does not fit',
    )
    expect(() => castTo(tensor('u64', [1], BigUint64Array.of(2n ** 63n)), 'i64')).toThrow('does not fit')
  })
})
