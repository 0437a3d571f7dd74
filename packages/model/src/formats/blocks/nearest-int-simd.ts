import { bits, type Code, f32, floats, i32, ints } from '@sinter/tensor-core/wasm'

/** `clamp(nearestInt(x), least, most) − least`, to the bit, for every x: four i32 lanes. */
export function nearestIntLanes(x: Code, least: number, most: number): Code {
  const raw = bits.and(f32.add(x, floats(12582912)), ints(0x7fffff))
  const clamped = i32.least(i32.most(raw, ints(0x400000 + least)), ints(0x400000 + most))
  return i32.subtract(clamped, ints(0x400000 + least))
}
