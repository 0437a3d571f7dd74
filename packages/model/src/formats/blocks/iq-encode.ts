/** What the encoders of IQ2_* and IQ3_* share: blocks of 256 values in sub-blocks of one scale each. */
import type { EncodeRows } from '../encodings.ts'
import { putF16 } from '../half.ts'
import type { Grid } from './iq-grids.ts'
import { findNeighbours } from './iq-neighbours.ts'
import type { Found } from './iq-pack.ts'
import type { Refines } from './iq-search-kernel.ts'
import { createSearch, type Search } from './iq-search-memory.ts'
import { energyOf, takeSigns } from './iq-signs.ts'
import { clamp, nearestInt } from './nearest-int.ts'
import { notFinite } from './not-finite.ts'

const { abs, fround, sqrt } = Math

/** What the encodings differ in. */
export interface Variant {
  readonly grid: () => Grid
  /** How many distances the neighbours of a cell take in. */
  readonly distances: number
  readonly blockBytes: number
  /** Values of one scale. */
  readonly size: 16 | 32
  /** The signs of eight values take seven bits. */
  readonly evenSigns: boolean
  /** Largest level of a magnitude, 2·base - 1, and the steps by which it is tried lower and higher. */
  readonly steps: number
  readonly step: number
  /** Sub-blocks whose magnitudes all lie below get scale 0. */
  readonly least: number
  /** Times the mean square: what is added to v² under the root of a weight. */
  readonly energy: 1 | 2
  /** Weight of a value where there is no importance; absent where there must be one. */
  readonly weight?: (energy: number, square: number) => number
  /** Starts from a fit of its own, and rounds at the best scale once more; else only groups that were off the grid, or all if one was. */
  readonly refines: Refines
  /** What the stored scale is larger by. */
  readonly fudge: number
  /** Whether indices and signs are stored where all scales are zero. */
  readonly keepsZeros: boolean
  readonly put: (found: Found, out: Uint8Array, at: number) => void
}

export function encoder(variant: Variant): EncodeRows {
  let work: Work | undefined
  return (values, out, width, importance) => {
    work ??= newWork(variant)
    for (let from = 0, at = 0; from < values.length; from += 256, at += variant.blockBytes)
      encodeSuper(work, values, from, importance?.subarray(from % width, (from % width) + 256), out, at)
  }
}

interface Work {
  readonly variant: Variant
  readonly grid: Grid
  readonly search: Search
  readonly found: Found
}

function newWork(variant: Variant): Work {
  const { steps, size } = variant
  const grid = variant.grid()
  const numerators = Float32Array.from({ length: 2 * steps + 1 }, (_, i) =>
    fround(2 * grid.base - 1 + fround((i - steps) * fround(variant.step))),
  )
  const neighbours = findNeighbours(grid, variant.distances)
  const found: Found = {
    indices: new Uint16Array(256 / grid.dim),
    signs: new Uint8Array(32),
    scales: new Float32Array(256 / size),
    empty: new Uint8Array(256 / size),
    codes: new Uint8Array(256 / size),
  }
  return { variant, grid, search: createSearch(grid, neighbours, size, numerators, variant.refines), found }
}

function encodeSuper(
  work: Work,
  values: Float32Array,
  from: number,
  importance: Float32Array | undefined,
  out: Uint8Array,
  at: number,
): void {
  const { variant, found } = work
  const mean = fround(fround(variant.energy * energyOf(values, from)) / 256)
  for (let b = 0; b < found.scales.length; b += 4) encodeFour(work, values, from, importance, mean, b)
  out.fill(0, at, at + variant.blockBytes)
  const d = fround(found.scales.reduce((most, scale) => Math.max(most, scale), 0) / 31)
  if (d === 0 && !variant.keepsZeros) return
  const id = fround(1 / d)
  for (let b = 0; b < found.scales.length; b++)
    found.codes[b] = d && clamp(nearestInt(fround(0.5 * fround(fround(id * found.scales[b]!) - 1))), 0, 15)
  if (d) putF16(out, at, fround(d * fround(variant.fudge)))
  variant.put(found, out, at)
}

/** Sub-blocks b … b + 3 of the 256 values at `from`. */
function encodeFour(
  work: Work,
  values: Float32Array,
  from: number,
  importance: Float32Array | undefined,
  mean: number,
  b: number,
): void {
  const { variant, search, found, grid } = work
  const { size } = variant
  for (let lane = 0; lane < 4; lane++) {
    const first = (b + lane) * size
    weigh(work, values, from + first, importance?.subarray(first), mean, lane)
    for (let k = 0; k < size / 8; k++)
      found.signs[first / 8 + k] = takeSigns(search, values, from + first + 8 * k, 8 * k, lane, variant.evenSigns)
    begin(work, b + lane, lane)
  }
  if (variant.refines === 'always') beginFromFit(work, b)
  search.run(variant.refines === 'off-grid')
  for (let lane = 0; lane < 4; lane++) take(work, b + lane, lane, size / grid.dim)
}

function weigh(
  { variant, search }: Work,
  values: Float32Array,
  from: number,
  importance: Float32Array | undefined,
  mean: number,
  lane: number,
): void {
  for (let i = 0, p = lane; i < variant.size; i++, p += 4) {
    const v = values[from + i]!
    const square = fround(v * v)
    const w = importance ? fround(importance[i]! * fround(sqrt(fround(mean + square)))) : variant.weight!(mean, square)
    search.weights[p] = w
    search.roots[p] = sqrt(w)
  }
}

/** What the search of a lane starts from. Where there is nothing to search, its result is not looked at. */
function begin({ variant, search, found, grid }: Work, b: number, lane: number): void {
  const largest = largestOf(search, variant.size, lane)
  const empty = largest < variant.least || !largest
  found.empty[b] = empty ? 1 : 0
  search.largest[lane] = empty ? 1 : largest
  search.scale[lane] = fround(largest / (2 * grid.base - 1))
}

/** The same for four lanes that start from a fit of their own. */
function beginFromFit({ search, found, grid }: Work, b: number): void {
  search.fit()
  for (let lane = 0; lane < 4; lane++) {
    const top = fround(search.scale[lane]! * grid.base)
    if (top <= 0) found.empty[b + lane] = 1
    search.largest[lane] = top
  }
}

function largestOf({ magnitudes }: Search, size: number, lane: number): number {
  let most = magnitudes[lane]!
  for (let i = 1; i < size; i++) {
    const x = magnitudes[4 * i + lane]!
    if (!(most > x)) most = x
  }
  return most
}

/** Leaves the scale of sub-block b, and its points. */
function take({ variant, search, found, grid }: Work, b: number, lane: number, groups: number): void {
  const signs = found.signs.subarray((b * variant.size) / 8, ((b + 1) * variant.size) / 8)
  const scale = found.empty[b] ? 0 : search.scale[lane]!
  found.scales[b] = abs(scale)
  if (!(abs(scale) < Number.POSITIVE_INFINITY)) throw notFinite()
  for (let k = 0; k < groups; k++) {
    const index = found.empty[b] ? 0 : search.pointOf(k, lane)
    if (index === grid.cells.length) throw notFinite()
    found.indices[b * groups + k] = index
  }
  if (found.empty[b]) signs.fill(0)
  // The stored scale has no sign.
  if (scale < 0) for (let k = 0; k < signs.length; k++) signs[k] = ~signs[k]!
}
