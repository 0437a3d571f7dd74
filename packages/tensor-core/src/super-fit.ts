import { roundToF16 } from './convert.ts'
import { fitScale, fitScaleAndMin, runError, type WeighedRun } from './scale-fit.ts'
import type { SuperScales } from './super-scales.ts'

/** Codes of a grid and of its scales. */
export interface SuperGrid {
  /** Least and largest level in steps of the scale. */
  readonly least: number
  readonly most: number
  readonly groupSize: number
  readonly supers: SuperScales
}

/** What one super-block stores, besides the codes of its weights. */
export interface SuperFit {
  /** f16 values. */
  readonly scale: number
  readonly min: number
  /** One a group; scales may be negative. Minimums are 0 on grids that have none. */
  readonly scaleCodes: Int32Array
  readonly minCodes: Int32Array
}

/**
 * Fits a super-block of `grid.supers.size` weights from `from`: each group's own best scale (and minimum), then the scales of
 * scales under which the groups' codes for these, rounded either way, cost least. Like ggml's search with an importance matrix
 * (make_qkx3, make_qp), but every choice is judged by the error of the weights, not of the scales.
 */
export function fitSuperBlock(run: WeighedRun, from: number, grid: SuperGrid): SuperFit {
  return grid.supers.mostMin === undefined ? fitSigned(run, from, grid) : fitWithMins(run, from, grid)
}

/** Scales of scales that are tried, as multiples of the one that the largest scale of a group asks for. */
const nearby = [1, 0.97, 1.03, 0.94, 1.06] as const

const codesOf = ({ groupSize, supers }: SuperGrid): Int32Array => new Int32Array(supers.size / groupSize)

const toF16 = (value: number): number => Math.max(-65504, Math.min(65504, roundToF16(value)))

function fitSigned(run: WeighedRun, from: number, grid: SuperGrid): SuperFit {
  const { groupSize, supers, least, most } = grid
  const wanted = Float64Array.from(codesOf(grid), (_, g) => fitScale(run, from + g * groupSize, groupSize, least, most))
  const largest = wanted.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
  let best: SuperFit = { scale: 0, min: 0, scaleCodes: codesOf(grid), minCodes: codesOf(grid) }
  let lowest = Number.POSITIVE_INFINITY
  for (const factor of nearby) {
    const scale = toF16((factor * largest) / supers.least)
    if (scale === 0) continue
    const scaleCodes = codesOf(grid)
    let error = 0
    for (let g = 0; g < scaleCodes.length && error < lowest; g++) {
      const choice = chooseSigned(run, from + g * groupSize, grid, scale, wanted[g]! / scale)
      scaleCodes[g] = choice.code
      error += choice.error
    }
    if (error >= lowest) continue
    lowest = error
    best = { ...best, scale, scaleCodes }
  }
  return best
}

function chooseSigned(
  run: WeighedRun,
  at: number,
  { groupSize, supers, least, most }: SuperGrid,
  scale: number,
  wanted: number,
): { code: number; error: number } {
  const low = Math.max(supers.least, Math.min(supers.most, Math.floor(wanted)))
  const high = Math.min(supers.most, low + 1)
  const error = runError(run, at, groupSize, scale * low, 0, least, most)
  const other = runError(run, at, groupSize, scale * high, 0, least, most, error)
  return other < error ? { code: high, error: other } : { code: low, error }
}

function fitWithMins(run: WeighedRun, from: number, grid: SuperGrid): SuperFit {
  const { groupSize, supers, most } = grid
  const wanted = Array.from(codesOf(grid), (_, g) => fitScaleAndMin(run, from + g * groupSize, groupSize, most, true))
  const scale = Math.max(...wanted.map(group => group.scale)) / supers.most
  const min = -Math.min(...wanted.map(group => group.min)) / supers.mostMin!
  let best = { scale: 0, min: 0, scaleCodes: codesOf(grid), minCodes: codesOf(grid) }
  let lowest = Number.POSITIVE_INFINITY
  const tryWith = (scale: number, min: number): void => {
    const tried = { scale, min, scaleCodes: codesOf(grid), minCodes: codesOf(grid) }
    let error = 0
    for (let g = 0; g < wanted.length && error < lowest; g++)
      error += chooseWithMin(run, from + g * groupSize, grid, tried, g, wanted[g]!)
    if (error >= lowest) return
    lowest = error
    best = tried
  }
  for (const factor of nearby) tryWith(toF16(factor * scale), toF16(min))
  // The other level of the two, with the scale that was best so far.
  const chosen = best.scale
  for (const factor of nearby.slice(1)) tryWith(chosen, toF16(factor * min))
  return best
}

/** Of the four pairs of codes around what a group wants, the one with the least error, which it records. */
function chooseWithMin(
  run: WeighedRun,
  at: number,
  { groupSize, supers, most }: SuperGrid,
  { scale, min, scaleCodes, minCodes }: SuperFit,
  group: number,
  wanted: { readonly scale: number; readonly min: number },
): number {
  const lowScale = scale === 0 ? 0 : Math.max(0, Math.min(supers.most, Math.floor(wanted.scale / scale)))
  const lowMin = min === 0 ? 0 : Math.max(0, Math.min(supers.mostMin!, Math.floor(-wanted.min / min)))
  let lowest = Number.POSITIVE_INFINITY
  for (let pair = 0; pair < 4; pair++) {
    const s = Math.min(supers.most, lowScale + (pair & 1))
    const m = Math.min(supers.mostMin!, lowMin + (pair >> 1))
    const error = runError(run, at, groupSize, scale * s, -min * m, 0, most, lowest)
    if (error >= lowest) continue
    lowest = error
    scaleCodes[group] = s
    minCodes[group] = m
  }
  return lowest
}
