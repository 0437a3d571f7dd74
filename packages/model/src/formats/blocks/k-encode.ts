import type { EncodeRows } from '../encodings.ts'
import { descendScale } from './descend.ts'
import { type FitPlan, fitLength } from './fit-plan.ts'
import { codesOfFit, createFits } from './fits.ts'
import type { Fitter, Limits } from './fitter.ts'
import type { PackCodes } from './k-pack.ts'
import type { PutScales } from './k-scales.ts'
import { repeatImportance } from './repeat-importance.ts'

const { fround } = Math

/** An encoding in super-blocks of 256 values, each of sub-blocks with scales of few bits. */
export interface SuperBlock {
  readonly blockBytes: number
  readonly plan: FitPlan
  readonly weightedPlan: FitPlan
  /** σ² of the weights is so many times the mean square of the super-block. */
  readonly variance?: 1 | 2
  readonly limits: Limits
  readonly putScales: PutScales
  readonly pack: PackCodes
}

/** Super-blocks at a time: their values stay in the first cache. */
const PIECE = 32

export function encodeSuperBlocks(type: SuperBlock, fitter: () => Fitter): EncodeRows {
  let kept: Piece | undefined
  return (values, out, width, importance) => {
    const piece = (kept ??= createPiece(type))
    const bytes = type.blockBytes
    for (let block = 0; block < values.length / 256; block += PIECE) {
      const some = values.subarray(256 * block, 256 * (block + PIECE))
      const theirs = importance && repeatImportance(importance, width, 256 * block, some.length)
      encodePiece(type, fitter(), piece, some, theirs, out.subarray(bytes * block, bytes * (block + PIECE)))
    }
  }
}

type Piece = ReturnType<typeof createPiece>

function createPiece({ plan }: SuperBlock) {
  const subBlocks = (PIECE * 256) / fitLength(plan)
  const [steps, mins, variances] = [0, 0, 0].map(() => new Float32Array(subBlocks))
  return {
    fits: createFits(subBlocks),
    variances: variances!,
    grid: { steps: steps!, mins: mins! },
    codes: new Uint8Array(PIECE * 256),
  }
}

function encodePiece(
  type: SuperBlock,
  fitter: Fitter,
  { fits, variances, grid, codes }: Piece,
  values: Float32Array,
  importance: Float32Array | undefined,
  out: Uint8Array,
): void {
  const { limits, blockBytes } = type
  const { length } = limits
  const plan = importance ? type.weightedPlan : type.plan
  const blocks = values.length / 256
  if (importance && type.variance) putVariances(values, fitter, variances, 256 / length, type.variance)
  fitter.fit(plan, { values, importance, variances }, fits)
  const blank: number[] = []
  for (let b = 0; b < blocks; b++) if (!type.putScales(fits, b, !!importance, out, b * blockBytes, grid)) blank.push(b)
  const count = values.length / length
  const steps = grid.steps.subarray(0, count)
  fitter.round(values, { ...limits, steps, mins: grid.mins.subarray(0, count) }, codes)
  // Nothing can be rounded to a step of zero: ggml leaves the codes of the search.
  for (let sub = 0; sub < count; sub++) {
    if (steps[sub] !== 0) continue
    const at = sub * length
    if (plan.kind === 'descend') descendScale(values, at, fits, sub, codes.subarray(at, at + length))
    else codesOfFit(fits, sub, values, at, codes, at, limits)
  }
  for (let b = 0; b < blocks; b++) type.pack(codes, 256 * b, out, b * blockBytes)
  for (const b of blank) out.fill(0, b * blockBytes, (b + 1) * blockBytes)
}

/** σ² of each super-block, for each of its sub-blocks. */
function putVariances(
  values: Float32Array,
  fitter: Fitter,
  variances: Float32Array,
  subBlocks: number,
  times: 1 | 2,
): void {
  for (let b = 0; b < values.length / 256; b++) {
    const sum = fitter.addSquares(values.subarray(256 * b, 256 * (b + 1)), 0)
    variances.fill(fround(fround(times * sum) / 256), b * subBlocks, (b + 1) * subBlocks)
  }
}
