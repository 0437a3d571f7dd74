import type { Grid } from './iq-grids.ts'

/**
 * Where a search for the best point starts: the cell that each value's own nearest level gives. A cell that is no point has a list of
 * those at the least distances from it.
 */
export interface Neighbours {
  /** Point of each cell, or -1. `[base^dim]` */
  readonly point: Int16Array
  /** Neighbours of cell c are `list[start[c]]` … `list[start[c + 1] - 1]`: by distance, those of one distance by index. */
  readonly start: Int32Array
  readonly list: Uint16Array
}

/** @param distances how many different distances from a cell its list takes in */
export function findNeighbours(grid: Grid, distances: number): Neighbours {
  const cells = grid.base ** grid.dim
  const point = new Int16Array(cells).fill(-1)
  grid.cells.forEach((cell, index) => {
    point[cell] = index
  })
  const start = new Int32Array(cells + 1)
  const list: number[] = []
  const distanceFrom = distancesOf(grid)
  for (let cell = 0; cell < cells; cell++) {
    if (point[cell]! < 0) pushNearest(distanceFrom(cell), distances, list)
    start[cell + 1] = list.length
  }
  return { point, start, list: Uint16Array.from(list) }
}

/** Squared distances between a cell and all points, from those between halves of them. */
function distancesOf({ base, dim, cells }: Grid): (cell: number) => Uint8Array {
  const half = base ** (dim / 2)
  const between = new Uint8Array(half * half)
  for (let a = 0; a < half; a++) for (let b = 0; b < half; b++) between[a * half + b] = squared(a, b, base)
  const low = cells.map(cell => cell % half)
  const high = cells.map(cell => Math.floor(cell / half))
  const out = new Uint8Array(cells.length)
  return cell => {
    const fromLow = between.subarray((cell % half) * half)
    const fromHigh = between.subarray(Math.floor(cell / half) * half)
    for (let p = 0; p < out.length; p++) out[p] = fromLow[low[p]!]! + fromHigh[high[p]!]!
    return out
  }
}

function squared(a: number, b: number, base: number): number {
  if (a === 0 && b === 0) return 0
  const step = (a % base) - (b % base)
  return step * step + squared(Math.floor(a / base), Math.floor(b / base), base)
}

function pushNearest(distance: Uint8Array, distances: number, list: number[]): void {
  const count = new Uint16Array(256)
  for (let p = 0; p < distance.length; p++) count[distance[p]!]!++
  for (let d = 0, left = distances; d < 256 && left > 0; d++) {
    if (count[d] === 0) continue
    for (let p = 0; p < distance.length; p++) if (distance[p] === d) list.push(p)
    left--
  }
}
