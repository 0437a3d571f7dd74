import type { EncodeRows } from '../encodings.ts'
import { putF16 } from '../half.ts'
import { type FitPlan, fitLength } from './fit-plan.ts'
import { createFits } from './fits.ts'
import type { Fitter, Limits } from './fitter.ts'
import { repeatImportance } from './repeat-importance.ts'

const { fround } = Math

/** A block of 32 values with one scale, which is searched where importance is known. */
export interface WeightedBlock {
  readonly blockBytes: number
  readonly plan: FitPlan
  readonly limits: Limits
  readonly hasMin: boolean
  /** Stores 32 codes behind the scale and minimum. */
  readonly pack: (codes: Uint8Array, from: number, out: Uint8Array, at: number) => void
}

/** Blocks at a time. */
const PIECE = 256

/** The encoder for rows whose columns have importance; σ² of the weights is the mean square of the row. */
export const encodeWeighted =
  (type: WeightedBlock, fitter: () => Fitter): EncodeRows =>
  (values, out, width, importance) => {
    const variances = rowVariances(values, width, fitter())
    const length = fitLength(type.plan)
    const fits = createFits(PIECE)
    const codes = new Uint8Array(PIECE * length)
    const perRow = width / length
    for (let block = 0; block < values.length / length; block += PIECE) {
      const some = values.subarray(length * block, length * (block + PIECE))
      const blocks = some.length / length
      const theirs = repeatImportance(importance!, width, length * block, some.length)
      const spread = Float32Array.from({ length: blocks }, (_, b) => variances[Math.floor((block + b) / perRow)]!)
      fitter().fit(type.plan, { values: some, importance: theirs, variances: spread }, fits)
      fitter().codes(some, fits, type.limits, codes)
      for (let b = 0; b < blocks; b++) {
        const at = (block + b) * type.blockBytes
        putF16(out, at, fits.scales[b]!)
        if (type.hasMin) putF16(out, at + 2, -fits.mins[b]!)
        type.pack(codes, length * b, out, at + (type.hasMin ? 4 : 2))
      }
    }
  }

function rowVariances(values: Float32Array, width: number, fitter: Fitter): Float32Array {
  const mean = (row: number): number =>
    fround(fitter.addSquares(values.subarray(row * width, (row + 1) * width), 0) / width)
  return Float32Array.from({ length: width === 0 ? 0 : values.length / width }, (_, row) => mean(row))
}
