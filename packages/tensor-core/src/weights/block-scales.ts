import { toF32 } from '../convert.ts'
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

/** One scale for every block of values: f32, the bits of f16, or quantized. */
export type BlockScales = Float32Array | Uint16Array | QuantizedScales

const isPlain = (scales: BlockScales): scales is Float32Array => scales instanceof Float32Array
const isHalf = (scales: BlockScales): scales is Uint16Array => scales instanceof Uint16Array

const f16 = (data: Uint16Array): Tensor => ({ dtype: 'f16', shape: [data.length], data })

/** Scales `first … end − 1`. */
export function scaleValues(scales: BlockScales, first: number, end: number): Float32Array {
  if (isPlain(scales)) return scales.subarray(first, end)
  if (isHalf(scales)) return toF32(f16(scales.subarray(first, end))).data
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
  const plain = isPlain(scales) || isHalf(scales)
  const count = plain ? scales.length : scales.codes.length
  if (count !== blocks) fail(`expected as many scales, got ${count}`)
  if (plain) return
  const outer = Math.ceil(blocks / SCALE_BLOCK)
  if (scales.absmax.length !== outer)
    fail(`expected ${outer} absmax, one for ${SCALE_BLOCK} scales, got ${scales.absmax.length}`)
  if (Math.fround(scales.offset) !== scales.offset) fail(`expected an offset that f32 holds, got ${scales.offset}`)
}

export function scaleBits(scales: BlockScales): number {
  if (isPlain(scales)) return 32 * scales.length
  return isHalf(scales) ? 16 * scales.length : 8 * scales.codes.length + 32 * (scales.absmax.length + 1)
}

export const scaleKind = (scales: BlockScales): 'f32' | 'f16' | 'quantized' =>
  isPlain(scales) ? 'f32' : isHalf(scales) ? 'f16' : 'quantized'

export function scaleParts(scales: BlockScales): Record<string, Tensor> {
  if (isPlain(scales)) return { scales: f32([scales.length], scales) }
  if (isHalf(scales)) return { scales: f16(scales) }
  return {
    scaleCodes: bytesTensor(scales.codes),
    scaleAbsmax: f32([scales.absmax.length], scales.absmax),
    scaleOffset: f32([1], [scales.offset]),
  }
}

/** The inverse of `scaleKind` and `scaleParts`. @throws TypeError for another kind, or a part that is not there */
export function takeScales(kind: unknown, parts: Readonly<Record<string, Tensor>>): BlockScales {
  const floats = (name: string) => takePart(parts, name, 'f32').data as Float32Array
  if (kind === 'f32') return floats('scales')
  if (kind === 'f16') return takePart(parts, 'scales', 'f16').data as Uint16Array
  if (kind !== 'quantized')
    throw new TypeError(`weight attribute "scales": expected f32, f16 or quantized, got ${JSON.stringify(kind)}`)
  const [offset, ...more] = floats('scaleOffset')
  if (offset === undefined || more.length > 0) throw new TypeError('weight part "scaleOffset": expected one number')
  return { codes: takeBytes(parts, 'scaleCodes'), absmax: floats('scaleAbsmax'), offset }
}
