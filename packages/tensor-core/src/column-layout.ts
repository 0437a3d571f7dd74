/** Rows of a matrix [out, in]: a TensorF32, or the like in f64. Several are solved as if stacked. */
export interface WeightRows {
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

/** Rows moved together, so that a cache line is filled once whichever side it is on. */
const band = 16

/**
 * Copies matrices into one [d, o], by column in solving order; inputs that were always zero lose their weights.
 * @throws RangeError for a weight that is not finite
 */
export function spread(
  parts: readonly WeightRows[],
  order: Int32Array,
  dead: Uint8Array,
  to: Float64Array,
  rows: number,
): void {
  let first = 0
  for (const { shape, data } of parts) {
    const count = shape[0]!
    for (let r0 = 0; r0 < count; r0 += band)
      spreadBand(data, order, dead, to, rows, r0, Math.min(count, r0 + band), first)
    first += count
  }
}

function spreadBand(
  data: Float32Array | Float64Array,
  order: Int32Array,
  dead: Uint8Array,
  to: Float64Array,
  rows: number,
  r0: number,
  r1: number,
  first: number,
): void {
  const width = order.length
  for (let i = 0; i < width; i++) {
    const column = order[i]!
    for (let r = r0, at = i * rows + first + r0; r < r1; r++, at++) {
      const value = data[r * width + column]!
      // x − x is 0 for every finite x.
      if (value - value !== 0)
        throw new RangeError(`columnSolve: weight [${first + r}, ${column}] is ${value}; expected finite numbers`)
      to[at] = dead[column] ? 0 : value
    }
  }
}

/** [d, o] in solving order to [o, d] in the original order; `position` of each original column. */
export function gather<A extends Float64Array | Uint8Array>(from: A, position: Int32Array, rows: number, to: A): A {
  const width = position.length
  for (let r0 = 0; r0 < rows; r0 += band)
    for (let c = 0, r1 = Math.min(rows, r0 + band); c < width; c++) {
      const at = position[c]! * rows
      for (let r = r0; r < r1; r++) to[r * width + c] = from[at + r]!
    }
  return to
}

/** [groups, o] to [o, groups]. */
export function byRow<A extends Float64Array | Uint8Array>(from: Float64Array, rows: number, groups: number, to: A): A {
  for (let g = 0; g < groups; g++) for (let r = 0; r < rows; r++) to[r * groups + g] = from[g * rows + r]!
  return to
}

/** The inverse of a permutation. */
export function inverseOf(order: Int32Array): Int32Array {
  const inverse = new Int32Array(order.length)
  for (let i = 0; i < order.length; i++) inverse[order[i]!] = i
  return inverse
}
