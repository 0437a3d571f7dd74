import { bits, bytes, choose, f32, floats, i32, ints } from './lanes.ts'
import { type Code, get, type Kernel, load, loopBelow, put, step, store } from './wasm.ts'

/**
 * Bits of the halves nearest to four f32, in i32 lanes; even on ties, infinite from 65,520 on, NaN quiet with the upper bits of its payload. What lies below a half's
 * last bit is pushed out by adding a power of two of the right size, which rounds as the processor does.
 * @param x local that holds the values; the two others are written over
 */
export function halfBits(x: number, [rounded, bias]: readonly [number, number]): Code {
  const twice = i32.left(get(x), 1)
  const exponent = i32.mostUnsigned(bits.and(twice, ints(0xff000000 | 0)), ints(0x71000000))
  return [
    put(bias, exponent),
    // Out of f32's range where a half's ends, and back.
    put(rounded, f32.multiply(f32.multiply(f32.abs(get(x)), floats(2 ** 112)), floats(2 ** -110))),
    put(rounded, f32.add(i32.add(i32.right(get(bias), 1), ints(0x07800000)), get(rounded))),
    put(rounded, i32.add(bits.and(i32.right(get(rounded), 13), ints(0x7c00)), bits.and(get(rounded), ints(0xfff)))),
    bits.or(
      bits.and(i32.right(get(x), 16), ints(0x8000)),
      choose(
        f32.equal(get(x), get(x)),
        get(rounded),
        bits.or(bits.and(i32.right(get(x), 13), ints(0x3ff)), ints(0x7e00)),
      ),
    ),
  ]
}

/** Values of four halves whose bits are in i32 lanes of a local. */
export function halfValues(half: number): Code {
  const magnitude = bits.and(get(half), ints(0x7fff))
  const scaled = f32.multiply(i32.left(magnitude, 13), floats(2 ** 112))
  // Beyond 65,504 the exponent stands for infinity and NaN, in f32 as in a half.
  const special = bits.and(i32.more(magnitude, ints(0x7bff)), ints(0x7f800000))
  return bits.or(bits.or(scaled, special), i32.left(bits.and(get(half), ints(0x8000)), 16))
}

/** f16 bits to f32, eight at a time: `halves`, their end, `values`. */
export function widenHalvesKernel(): Kernel {
  const [halves, end, values, half] = [0, 1, 2, 3] as const
  const four = (part: 0 | 1): Code => [
    put(half, (part ? bytes.highInts : bytes.lowInts)([get(halves), load(0)])),
    [get(values), halfValues(half), store(16 * part)],
  ]
  const body = loopBelow(halves, end, [four(0), four(1), step(halves, 16), step(values, 32)])
  return { parameters: 3, integers: 0, vectors: 1, body }
}

/** f32 to f16 bits, eight at a time: `values`, their end, `halves`. */
export function narrowHalvesKernel(): Kernel {
  const [values, end, halves, x, spare, other, first] = [0, 1, 2, 3, 4, 5, 6] as const
  const four = (part: 0 | 1): Code => [put(x, [get(values), load(16 * part)]), halfBits(x, [spare, other])]
  const body = loopBelow(values, end, [
    put(first, four(0)),
    [get(halves), bytes.halvesOfInts(get(first), four(1)), store(0)],
    step(values, 32),
    step(halves, 16),
  ])
  return { parameters: 3, integers: 0, vectors: 4, body }
}
