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
  // As f64 whatever they were, so that the loops below are compiled for one kind of array.
  const some = new Float64Array(data.subarray(r0 * width, r1 * width))
  const count = r1 - r0
  let strange = 0
  for (let i = 0; i < width; i++) {
    const column = order[i]!
    const at = i * rows + first + r0
    // x − x is 0 for every finite x.
    for (let r = 0, from = column; r < count; r++, from += width) {
      const value = some[from]!
      strange += value - value
      to[at + r] = value
    }
    if (dead[column]) to.fill(0, at, at + count)
  }
  if (strange !== 0) throw strangeWeight(some, width, first + r0)
}

function strangeWeight(some: Float64Array, width: number, firstRow: number): RangeError {
  const i = some.findIndex(value => !Number.isFinite(value))
  return new RangeError(
    `columnSolve: weight [${firstRow + Math.floor(i / width)}, ${i % width}] is ${some[i]}; expected finite numbers`,
  )
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
