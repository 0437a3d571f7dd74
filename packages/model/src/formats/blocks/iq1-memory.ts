import { simdKernels } from '@sinter/tensor-core/wasm'
import { needSimd } from './has-simd.ts'
import { type Grid, gridIQ1 } from './iq-grids.ts'
import { pointsKernel } from './iq-nearest-kernel.ts'
import { findNeighbours } from './iq-neighbours.ts'
import { putTables, searchPlaces } from './iq-search-memory.ts'
import { ranksKernel, splits16Kernel, splits32Kernel } from './iq1-kernel.ts'

/** What IQ1_S and IQ1_M differ in. */
export interface Variant {
  readonly size: 16 | 32
  /** Parts of a sub-block that are moved by themselves. */
  readonly halves: 1 | 2
  readonly blockBytes: number
  /** Sub-blocks that have only smaller values get scale 0. */
  readonly least: number
  readonly put: (work: Work, values: Float32Array, from: number, out: Uint8Array, at: number) => void
}

export interface Work {
  readonly variant: Variant
  readonly grid: Grid
  /** Four sub-blocks in lanes. */
  readonly lanes: Lanes
  /** Of 256 values: weights, and what was found. */
  readonly weights: Float32Array
  readonly indices: Uint16Array
  readonly scales: Float32Array
  /** Which shift each half of a sub-block has. */
  readonly moved: Uint8Array
}

export interface Lanes {
  readonly values: Float32Array
  readonly weights: Float32Array
  /** [4] */
  readonly scale: Float32Array
  /** Of groups: addresses of lists, then of points, and what their levels are moved by. [groups, 4] */
  readonly slots: Int32Array
  readonly shifts: Float32Array
  readonly sums: Float32Array
  readonly split: Int32Array
  readonly splitScale: Float32Array
  /** Address of a cell's point or list; what is at least `lists` is a list. */
  readonly cells: Int32Array
  readonly lists: number
  readonly ranks: Int32Array
  readonly kernels: { ranks(): void; splits(): void; points(): void }
}

export function newWork(variant: Variant): Work {
  needSimd()
  const { size } = variant
  const grid = gridIQ1()
  const neighbours = findNeighbours(grid, 3)
  const places = searchPlaces(grid, neighbours, size, 0)
  const arrays = size === 32 ? 6 : 12
  const sumBytes = 16 * (size + 1) * arrays
  const at = { sums: places.bytes, scale: places.bytes + sumBytes, split: places.bytes + sumBytes + 16 }
  const open = simdKernels<Lanes['kernels']>(() => ({
    ranks: ranksKernel(size, places.magnitudes, places.weights),
    splits: size === 32 ? splits32Kernel(at) : splits16Kernel(at),
    points: pointsKernel(places),
  }))
  const { kernels, memory } = open(at.split + 16)
  putTables(grid, neighbours, places, new DataView(memory.buffer), level => level)
  const floats = (from: number, count: number): Float32Array => new Float32Array(memory.buffer, from, count)
  const lanes: Lanes = {
    values: floats(places.magnitudes, 4 * size),
    weights: floats(places.roots, 4 * size),
    ranks: new Int32Array(memory.buffer, places.weights, 4 * size),
    scale: floats(places.trialScale, 4),
    slots: new Int32Array(memory.buffer, places.kept, size / 2),
    shifts: floats(places.tried, size / 2),
    sums: floats(at.sums, sumBytes / 4),
    split: new Int32Array(memory.buffer, at.split, 4),
    splitScale: floats(at.scale, 4),
    cells: new Int32Array(memory.buffer, places.cells, neighbours.point.length),
    lists: places.lists,
    kernels,
  }
  return {
    ...{ variant, grid, lanes },
    weights: new Float32Array(256),
    indices: new Uint16Array(32),
    scales: new Float32Array(256 / size),
    moved: new Uint8Array((256 / size) * variant.halves),
  }
}
