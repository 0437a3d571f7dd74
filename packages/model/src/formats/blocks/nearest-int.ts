/**
 * ggml's `nearest_int`: adding 1.5·2²³ leaves a float no room for a fraction, and the whole number is read off its mantissa.
 * Halves go to even. Beyond 2²² the mantissa holds something else, and the bytes depend on what: hence the bits here, not a rounding.
 */
export function nearestInt(value: number): number {
  cell[0] = value + 12582912
  return (bits[0]! & 0x7fffff) - 0x400000
}

const cell = new Float32Array(1)
const bits = new Int32Array(cell.buffer)

export const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value))
