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
  const width = order.length
  // As f64 whatever they were, so that the loops are compiled for one kind of array.
  const some = new Float64Array(band * width)
  let first = 0
  for (const { shape, data } of parts) {
    for (let r0 = 0; r0 < shape[0]!; r0 += band) {
      const count = Math.min(band, shape[0]! - r0)
      some.set(data.subarray(r0 * width, (r0 + count) * width))
      spreadBand(some, order, dead, to, rows, first + r0, count)
    }
    first += shape[0]!
  }
}

function spreadBand(
  some: Float64Array,
  order: Int32Array,
  dead: Uint8Array,
  to: Float64Array,
  rows: number,
  first: number,
  count: number,
): void {
  const width = order.length
  let strange = 0
  for (let i = 0; i < width; i++) {
    const column = order[i]!
    const at = i * rows + first
    // x − x is 0 for every finite x.
    for (let r = 0, from = column; r < count; r++, from += width) {
      const value = some[from]!
      strange += value - value
      to[at + r] = value
    }
    if (dead[column]) to.fill(0, at, at + count)
  }
  if (strange !== 0) throw strangeWeight(some, width, first)
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
export function byRow<A extends Float64Array | Uint8Array>(
  from: Float64Array | Uint8Array,
  rows: number,
  groups: number,
  to: A,
): A {
  for (let g = 0; g < groups; g++) for (let r = 0; r < rows; r++) to[r * groups + g] = from[g * rows + r]!
  return to
}

/** The inverse of a permutation. */
export function inverseOf(order: Int32Array): Int32Array {
  const inverse = new Int32Array(order.length)
  for (let i = 0; i < order.length; i++) inverse[order[i]!] = i
  return inverse
}
