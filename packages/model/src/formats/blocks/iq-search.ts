/**
 * The search that ggml's IQ2 and IQ3 encoders share. Magnitudes of 16 or 32 values, in groups of 4 or 8, become points of a codebook with
 * one scale: for each of some scales every group takes the nearest point, and the scale whose least squares explain most is kept.
 * ggml's arithmetic in 32-bit floats, each sum in its order.
 */
import type { Grid } from './iq-grids.ts'
import type { Neighbours } from './iq-neighbours.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { fround, sqrt } = Math

export interface Codebook {
  readonly grid: Grid
  readonly neighbours: Neighbours
}

/** The values of one scale, and what was found for them. */
export interface Block {
  /** Magnitudes; where a sign was flipped to make their number even, one is negative. */
  readonly magnitudes: Float32Array
  readonly weights: Float32Array
  /** √weights: what a group's distance to a point is weighed with. */
  readonly roots: Float32Array
  /** Points of the groups. */
  readonly points: Uint16Array
  /** Whether each group's own levels were a point. */
  readonly onGrid: Uint8Array
}

/** Points for all groups at one scale; false in `onGrid` where the nearest levels were none. */
function roundGroups({ grid, neighbours }: Codebook, block: Block, id: number, scale: number, out: Block): void {
  for (let k = 0; k < block.points.length; k++) roundGroup({ grid, neighbours }, block, k, id, scale, out)
}

function roundGroup(codebook: Codebook, block: Block, k: number, id: number, scale: number, out: Block): void {
  const { dim, base } = codebook.grid
  let cell = 0
  for (let i = dim - 1; i >= 0; i--) {
    const level = nearestInt(fround(0.5 * fround(fround(id * block.magnitudes[dim * k + i]!) - 1)))
    cell = cell * base + clamp(level, 0, base - 1)
  }
  const point = codebook.neighbours.point[cell]!
  out.onGrid[k] = point >= 0 ? 1 : 0
  out.points[k] = point >= 0 ? point : nearestPoint(codebook, cell, block, k * dim, scale)
}

const table = new Float32Array(64)

/** The first of the cell's neighbours at the least distance. */
function nearestPoint({ grid, neighbours }: Codebook, cell: number, block: Block, from: number, scale: number): number {
  const { dim, base, levels } = grid
  for (let i = 0; i < dim; i++) {
    const x = block.magnitudes[from + i]!
    const w = block.roots[from + i]!
    for (let level = 0; level < base; level++) {
      const error = fround(fround(scale * (2 * level + 1)) - x)
      table[8 * i + level] = fround(fround(w * error) * error)
    }
  }
  let best = -1
  let least = 3.4028234663852886e38
  for (let n = neighbours.start[cell]!; n < neighbours.start[cell + 1]!; n++) {
    const at = neighbours.list[n]! * dim
    let distance = table[levels[at]!]!
    for (let i = 1; i < dim; i++) distance = fround(distance + table[8 * i + levels[at + i]!]!)
    if (distance < least) {
      least = distance
      best = neighbours.list[n]!
    }
  }
  if (best < 0) throw notFinite()
  return best
}

export const notFinite = (): RangeError =>
  new RangeError('expected values, importances and their squares to be finite 32-bit floats; check the tensor for NaN and infinity')

/** Σ w·x·q and Σ w·q² of the levels that the points stand for. */
function leastSquares({ dim, levels }: Grid, block: Block, points: Uint16Array): readonly [number, number] {
  let product = 0
  let square = 0
  for (let i = 0; i < block.weights.length; i++) {
    const w = block.weights[i]!
    const q = 2 * levels[points[Math.floor(i / dim)]! * dim + (i % dim)]! + 1
    product = fround(product + fround(fround(w * block.magnitudes[i]!) * q))
    square = fround(square + fround(fround(w * q) * q))
  }
  return [product, square]
}

/**
 * Tries the scales `largest` / numerators, and leaves the best points in the block.
 * @returns the scale, or `scale` where none explains anything
 */
export function tryScales(
  codebook: Codebook,
  block: Block,
  trial: Block,
  numerators: Float32Array,
  largest: number,
  scale: number,
): number {
  let best = 0
  let found = scale
  for (const numerator of numerators) {
    const id = fround(numerator / largest)
    roundGroups(codebook, block, id, fround(1 / id), trial)
    const [product, square] = leastSquares(codebook.grid, block, trial.points)
    if (square > 0 && fround(product * product) > fround(best * square)) {
      found = fround(product / square)
      best = fround(found * product)
      block.points.set(trial.points)
      block.onGrid.set(trial.onGrid)
    }
  }
  return found
}

/** Rounds groups again at the scale that was found, all of them or those that were off the grid, and fits the scale to them. */
export function refine(codebook: Codebook, block: Block, scale: number, all: boolean): number {
  const id = fround(1 / scale)
  for (let k = 0; k < block.points.length; k++)
    if (all || !block.onGrid[k]) roundGroup(codebook, block, k, id, scale, block)
  const [product, square] = leastSquares(codebook.grid, block, block.points)
  return square > 0 ? fround(product / square) : scale
}

/** Magnitudes and signs of eight values, and where their number of minus signs must be even, the least important one turned. */
export function takeSigns(values: Float32Array, from: number, block: Block, to: number, even: boolean): number {
  let signs = 0
  let flips = 0
  for (let i = 0; i < 8; i++) {
    const v = values[from + i]!
    block.magnitudes[to + i] = v >= 0 ? v : -v
    if (!(v >= 0)) {
      signs |= 1 << i
      flips++
    }
  }
  if (!even || flips % 2 === 0) return signs
  let least = 0
  let cost = costOf(0)
  for (let i = 1; i < 8; i++)
    if (costOf(i) < cost) {
      cost = costOf(i)
      least = i
    }
  block.magnitudes[to + least] = -block.magnitudes[to + least]!
  return signs ^ (1 << least)

  function costOf(i: number): number {
    const v = values[from + i]!
    return fround(fround(block.weights[to + i]! * v) * v)
  }
}

export function newBlock(size: number, dim: number): Block {
  return {
    magnitudes: new Float32Array(size),
    weights: new Float32Array(size),
    roots: new Float32Array(size),
    points: new Uint16Array(size / dim),
    onGrid: new Uint8Array(size / dim),
  }
}

/** Σ v² of 256 values. */
export function energy(values: Float32Array, from: number): number {
  let sum = 0
  for (let i = 0; i < 256; i++) sum = fround(sum + fround(values[from + i]! * values[from + i]!))
  return sum
}

/** importance · √(energy + v²) */
export const weightOf = (importance: number, energy: number, v: number): number =>
  fround(importance * fround(sqrt(fround(energy + fround(v * v)))))
