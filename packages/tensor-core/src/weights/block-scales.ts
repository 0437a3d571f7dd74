import { f32, type Tensor } from '../tensor.ts'
import { dynamicMap } from './dynamic-map.ts'
import { bytesTensor, takeBytes, takePart } from './parts.ts'

/** Scales that share a scale of their own when they are quantized too. */
export const SCALE_BLOCK: number = 256

/**
 * Scales in 8 bits (double quantization, arXiv:2305.14314 §3): `dynamicMap()[codes[b]] · absmax[⌊b / 256⌋] + offset`, product and sum
 * rounded to f32.
 */
export interface QuantizedScales {
  /** One a scale. */
  readonly codes: Uint8Array
  /** One for every 256 scales. */
  readonly absmax: Float32Array
  /** f32 */
  readonly offset: number
}

/** One scale for every block of values. */
export type BlockScales = Float32Array | QuantizedScales

const isPlain = (scales: BlockScales): scales is Float32Array => scales instanceof Float32Array

/** Scales `first … end − 1`. */
export function scaleValues(scales: BlockScales, first: number, end: number): Float32Array {
  if (isPlain(scales)) return scales.subarray(first, end)
  const { codes, absmax, offset } = scales
  const map = dynamicMap()
  const out = new Float32Array(end - first)
  for (let b = first; b < end; b++)
    out[b - first] = Math.fround(map[codes[b]!]! * absmax[Math.floor(b / SCALE_BLOCK)]!) + offset
  return out
}

/** @throws TypeError when there are not `blocks` scales, or the offset is more exact than it would be stored */
export function checkScales(scales: BlockScales, blocks: number): void {
  const fail = (what: string): never => {
    throw new TypeError(`codebook weight of ${blocks} blocks: ${what}`)
  }
  const count = isPlain(scales) ? scales.length : scales.codes.length
  if (count !== blocks) fail(`expected as many scales, got ${count}`)
  if (isPlain(scales)) return
  const outer = Math.ceil(blocks / SCALE_BLOCK)
  if (scales.absmax.length !== outer)
    fail(`expected ${outer} absmax, one for ${SCALE_BLOCK} scales, got ${scales.absmax.length}`)
  if (Math.fround(scales.offset) !== scales.offset) fail(`expected an offset that f32 holds, got ${scales.offset}`)
}

export const scaleBits = (scales: BlockScales): number =>
  isPlain(scales) ? 32 * scales.length : 8 * scales.codes.length + 32 * (scales.absmax.length + 1)

export const scaleKind = (scales: BlockScales): 'f32' | 'quantized' => (isPlain(scales) ? 'f32' : 'quantized')

export const scaleParts = (scales: BlockScales): Record<string, Tensor> =>
  isPlain(scales)
    ? { scales: f32([scales.length], scales) }
    : {
        scaleCodes: bytesTensor(scales.codes),
        scaleAbsmax: f32([scales.absmax.length], scales.absmax),
        scaleOffset: f32([1], [scales.offset]),
      }

/** The inverse of `scaleKind` and `scaleParts`. @throws TypeError for another kind, or a part that is not there */
export function takeScales(kind: unknown, parts: Readonly<Record<string, Tensor>>): BlockScales {
  const floats = (name: string) => takePart(parts, name, 'f32').data as Float32Array
  if (kind === 'f32') return floats('scales')
  if (kind !== 'quantized')
    throw new TypeError(`weight attribute "scales": expected f32 or quantized, got ${JSON.stringify(kind)}`)
  const [offset, ...more] = floats('scaleOffset')
  if (offset === undefined || more.length > 0) throw new TypeError('weight part "scaleOffset": expected one number')
  return { codes: takeBytes(parts, 'scaleCodes'), absmax: floats('scaleAbsmax'), offset }
}
