import { simdKernels } from '@sinter/tensor-core/wasm'
import { needSimd } from './has-simd.ts'
import { fitKernel, fitNumerators } from './iq-fit-kernel.ts'
import type { Grid } from './iq-grids.ts'
import type { Neighbours } from './iq-neighbours.ts'
import { type Refines, searchKernel } from './iq-search-kernel.ts'

/** Where things lie in the memory of a search: byte addresses. Four sub-blocks lie side by side, a vector for each position in them. */
export interface SearchPlaces {
  /** Values of a sub-block. */
  readonly size: number
  /** Values of a group, levels of each. */
  readonly dim: 4 | 8
  readonly base: 3 | 8
  readonly magnitudes: number
  readonly weights: number
  readonly roots: number
  readonly numerators: number
  readonly numeratorsEnd: number
  /** [4] */
  readonly largest: number
  /** [4], the scale to begin with, then the one that was found. */
  readonly scale: number
  readonly trialScale: number
  /** Of a fit: the levels, and what scales it tries. */
  readonly levels: number
  readonly fitNumerators: number
  /** Points of the groups, then whether each was off the grid, [2, groups, 4]. */
  readonly kept: number
  readonly tried: number
  /** For each cell the address of its point, or of its list. */
  readonly cells: number
  /** The least address of a list: its end, then quads of neighbours: their levels, [dim, 4] bytes (of three, where a table begins), and addresses, [4] shorts. */
  readonly lists: number
  readonly quadBytes: number
  /** A quad of points that are none. */
  readonly nowhere: number
  readonly bytes: number
}

/** A search's memory, by what lies there. */
export interface Search {
  readonly magnitudes: Float32Array
  readonly weights: Float32Array
  readonly roots: Float32Array
  readonly largest: Float32Array
  readonly scale: Float32Array
  /** From the largest magnitudes to a scale to begin with. */
  fit(): void
  /** Of the kept points, [groups, 4]; the number of points where none was found. */
  pointOf(group: number, lane: number): number
  /** Begins with the first point everywhere, on the grid or off it. */
  run(onGrid: boolean): void
}

/** Addresses in lists have 16 bits: points lie at the beginning. */
export const pointBytes = 8

export function createSearch(
  grid: Grid,
  neighbours: Neighbours,
  size: number,
  numerators: Float32Array,
  refines: Refines,
): Search {
  needSimd()
  const places = searchPlaces(grid, neighbours, size, numerators.length)
  const open = simdKernels<{ search(): void; fit(): void }>(() => ({
    search: searchKernel(places, refines),
    fit: fitKernel(places),
  }))
  const { kernels, memory } = open(places.bytes)
  const view = new DataView(memory.buffer)
  putTables(grid, neighbours, places, view, level => 2 * level + 1)
  const floats = (at: number, count: number): Float32Array => new Float32Array(memory.buffer, at, count)
  floats(places.numerators, numerators.length).set(numerators)
  floats(places.fitNumerators, fitNumerators.length).set(fitNumerators)
  const results = new Int32Array(memory.buffer, places.kept, (8 * size) / grid.dim)
  return {
    magnitudes: floats(places.magnitudes, 4 * size),
    weights: floats(places.weights, 4 * size),
    roots: floats(places.roots, 4 * size),
    largest: floats(places.largest, 4),
    scale: floats(places.scale, 4),
    fit: kernels.fit,
    pointOf: (group, lane) => results[4 * group + lane]! / pointBytes,
    run(onGrid) {
      results.fill(0, 0, results.length / 2)
      results.fill(onGrid ? 0 : -1, results.length / 2)
      kernels.search()
    },
  }
}

const quads = (count: number): number => Math.ceil(count / 4)

export function searchPlaces(grid: Grid, neighbours: Neighbours, size: number, trials: number): SearchPlaces {
  const { dim, base, cells } = grid
  const quadBytes = 4 * dim + 8
  let top = 0
  const take = (bytes: number): number => (top += Math.ceil(bytes / 16) * 16) - Math.ceil(bytes / 16) * 16
  take((cells.length + 1) * pointBytes)
  const lanes = 16 * size
  const [magnitudes, weights, roots] = [take(lanes), take(lanes), take(lanes)]
  const numerators = take(4 * trials)
  const [largest, scale, trialScale] = [take(16), take(16), take(16)]
  const [levels, fits] = [take(lanes), take(4 * fitNumerators.length)]
  const [kept, tried] = [take((2 * lanes) / dim), take((2 * lanes) / dim)]
  const nowhere = take(quadBytes)
  const cellTable = take(4 * neighbours.point.length)
  const lists = take(0)
  for (let cell = 0; cell < neighbours.point.length; cell++) {
    const count = neighbours.start[cell + 1]! - neighbours.start[cell]!
    if (count > 0) top += 8 + quadBytes * quads(count)
  }
  return {
    ...{ size, dim, base, magnitudes, weights, roots, numerators, numeratorsEnd: numerators + 4 * trials },
    ...{ levels, fitNumerators: fits },
    ...{ largest, scale, trialScale, kept, tried, cells: cellTable, lists, quadBytes, nowhere, bytes: top },
  }
}

/** Levels of the points, and for each cell its point or its neighbours. */
export function putTables(
  grid: Grid,
  { point, start, list }: Neighbours,
  places: SearchPlaces,
  view: DataView,
  byteOf: (level: number) => number,
): void {
  const { dim, base, cells, levels } = grid
  const listed = (level: number): number => (base === 3 ? 4 * level : byteOf(level))
  levels.forEach((level, i) => {
    view.setUint8(Math.floor(i / dim) * pointBytes + (i % dim), byteOf(level))
  })
  for (let n = 0; n < 4; n++) view.setUint16(places.nowhere + 4 * dim + 2 * n, cells.length * pointBytes, true)
  let top = places.lists
  point.forEach((own, cell) => {
    view.setInt32(places.cells + 4 * cell, own >= 0 ? own * pointBytes : top, true)
    if (own >= 0) return
    const mine = list.subarray(start[cell], start[cell + 1])
    const end = top + 8 + places.quadBytes * quads(mine.length)
    view.setInt32(top, end, true)
    for (let q = top + 8, first = 0; q < end; q += places.quadBytes, first += 4) putQuad(q, mine, first)
    top = end
  })

  /** The last is repeated where four are not left: it comes behind itself, and is never taken for it. */
  function putQuad(at: number, mine: Uint16Array, first: number): void {
    for (let n = 0; n < 4; n++) {
      const neighbour = mine[Math.min(first + n, mine.length - 1)]!
      for (let i = 0; i < dim; i++) view.setUint8(at + 4 * i + n, listed(levels[neighbour * dim + i]!))
      view.setUint16(at + 4 * dim + 2 * n, neighbour * pointBytes, true)
    }
  }
}
