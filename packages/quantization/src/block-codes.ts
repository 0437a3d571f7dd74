import { dynamicMap, type QuantizedScales, SCALE_BLOCK } from '@sinter/tensor-core'
import { type LevelSearch, levelSearch, searchRun } from './level-search.ts'

/** Codes of values, and what every block was divided by. */
export interface BlockCodes {
  /** One a byte. */
  readonly codes: Uint8Array
  /** Largest |value| of each block. */
  readonly absmax: Float32Array
}

/**
 * Divides every block of values by its largest |value| and takes the nearest levels, in f32 as bitsandbytes does it: times the
 * reciprocal. A block of zeros has the codes of 0.
 * @param values finite
 * @param blockSize values of a block; the last may be shorter
 */
export function blockCodes(values: Float32Array, blockSize: number, search: LevelSearch): BlockCodes {
  const codes = new Uint8Array(values.length)
  const absmax = new Float32Array(Math.ceil(values.length / blockSize))
  for (let block = 0; block < absmax.length; block++) {
    const from = block * blockSize
    const to = Math.min(from + blockSize, values.length)
    const largest = largestOf(values, from, to)
    absmax[block] = largest
    searchRun(values, from, to, reciprocal(largest), search, codes)
  }
  return { codes, absmax }
}

function largestOf(values: Float32Array, from: number, to: number): number {
  let largest = 0
  for (let k = from; k < to; k++) {
    const size = Math.abs(values[k]!)
    if (size > largest) largest = size
  }
  return largest
}

/** Below 2⁻¹²⁸ a reciprocal is too large for f32, and stays as it is. */
function reciprocal(x: number): number {
  if (x === 0) return 0
  const rounded = Math.fround(1 / x)
  return Number.isFinite(rounded) ? rounded : 1 / x
}

let scaleSearch: LevelSearch | undefined

/**
 * Double quantization (arXiv:2305.14314 §3): what scales differ from their mean, coded in 8 bits.
 * @param offset what is taken away, f32; the mean in f64 may differ in its last bit from one that was summed in f32
 */
export function quantizedScales(scales: Float32Array, offset: number = meanOf(scales)): QuantizedScales {
  scaleSearch ??= levelSearch(dynamicMap())
  const { codes, absmax } = blockCodes(
    scales.map(scale => scale - offset),
    SCALE_BLOCK,
    scaleSearch,
  )
  return { codes, absmax, offset }
}

const meanOf = (scales: Float32Array): number =>
  Math.fround(scales.reduce((sum, scale) => sum + scale, 0) / Math.max(1, scales.length))
