import { bits, choose, f32, floats, i32, ints } from './lanes.ts'
import { type Code, get, put } from './wasm.ts'

/**
 * Bits of the halves nearest to four f32, in i32 lanes; even on ties, infinite from 65,520 on, NaN quiet. What lies below a half's
 * last bit is pushed out by adding a power of two of the right size, which rounds as the processor does.
 * @param x local that holds the values @param spare two more locals, written over
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
      choose(f32.equal(get(x), get(x)), get(rounded), ints(0x7e00)),
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
