import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from '@sinter/tensor-core'
import type { DecodeBlock, EncodeBlock } from './blocks/block-32.ts'
import { decoders } from './blocks/decoders.ts'
import { encoders } from './blocks/encoders.ts'
import type { Decoded } from './blocks/expand-simd.ts'
import {
  decodeIQ1_M,
  decodeIQ1_S,
  decodeIQ2_S,
  decodeIQ2_XS,
  decodeIQ2_XXS,
  decodeIQ3_S,
  decodeIQ3_XXS,
} from './blocks/iq-decode.ts'
import { encodeIQ2_S, encodeIQ2_XS, encodeIQ2_XXS, encodeIQ3_S, encodeIQ3_XXS } from './blocks/iq-quants.ts'
import { encodeIQ1_M, encodeIQ1_S } from './blocks/iq1-encode.ts'
import { encodeIQ4_NL, encodeIQ4_XS } from './blocks/iq4.ts'
import { levelEncoders } from './blocks/level-blocks.ts'
import { levelDecoders } from './blocks/level-layouts.ts'
import { FormatError } from './format-error.ts'

/** How ggml stores `blockSize` neighbours of a row in `blockBytes` bytes. */
export interface Encoding {
  readonly name: string
  /** The number in a GGUF file. */
  readonly ggmlType: number
  readonly blockSize: number
  readonly blockBytes: number
  /** For plain numbers: what they are held as. Absent for blocks, which are read as f32. */
  readonly dtype?: DType
  /** What the encoder does with the importance of the columns: nothing, weigh errors with it, or refuse to go without it. */
  readonly importance: 'ignored' | 'weighed' | 'required'
  /** Whole blocks to f32. */
  readonly decode: (bytes: Uint8Array, out: Float32Array) => void
  /** f32 to whole blocks; the same bytes as ggml's own encoder. Absent where there is only a reader. */
  readonly encode?: EncodeRows
}

/**
 * Whole rows of `width` values to their blocks in `out`.
 * @param importance of every column, `[width]`: the mean square of what it is multiplied with. An encoding that weighs nothing ignores it.
 */
export type EncodeRows = (values: Float32Array, out: Uint8Array, width: number, importance?: Float32Array) => void

function blocks(
  name: string,
  ggmlType: number,
  blockSize: number,
  blockBytes: number,
  decodeBlock: DecodeBlock,
  encodeBlock?: EncodeBlock,
): Encoding {
  const decode = (bytes: Uint8Array, out: Float32Array): void => {
    const count = out.length / blockSize
    for (let b = 0; b < count; b++) decodeBlock(bytes, b * blockBytes, out, b * blockSize)
  }
  const encoding: Encoding = { name, ggmlType, blockSize, blockBytes, importance: 'ignored', decode }
  if (!encodeBlock) return encoding
  const encode: EncodeRows = (values, out) => {
    const count = values.length / blockSize
    for (let b = 0; b < count; b++) encodeBlock(values, b * blockSize, out, b * blockBytes)
  }
  return { ...encoding, encode }
}

/** An encoding whose encoder takes whole rows: it works on many blocks at once, or asks what the columns weigh. */
const rows = (
  name: string,
  ggmlType: number,
  blockSize: number,
  blockBytes: number,
  decodeBlock: DecodeBlock,
  encode: EncodeRows,
  importance: Encoding['importance'] = 'weighed',
): Encoding => ({ ...blocks(name, ggmlType, blockSize, blockBytes, decodeBlock), encode, importance })

/** An encoding whose blocks go through kernels both ways. */
const kernels = (
  name: Decoded,
  ggmlType: number,
  blockSize: number,
  blockBytes: number,
  importance: Encoding['importance'] = 'weighed',
): Encoding => ({
  name,
  ggmlType,
  blockSize,
  blockBytes,
  decode: decoders[name],
  encode: encoders[name],
  importance,
})

/** The same with codecs of their own files. */
const levels = (
  name: keyof typeof levelDecoders,
  ggmlType: number,
  blockSize: number,
  blockBytes: number,
  encode: EncodeRows,
  importance: Encoding['importance'] = 'ignored',
): Encoding => ({ name, ggmlType, blockSize, blockBytes, decode: levelDecoders[name], encode, importance })

function plain(
  name: string,
  ggmlType: number,
  dtype: DType,
  bytes: number,
  get: (view: DataView, at: number) => number,
  put?: (view: DataView, at: number, value: number) => void,
): Encoding {
  const decode: DecodeBlock = (source, at, out, to) => {
    out[to] = get(new DataView(source.buffer, source.byteOffset), at)
  }
  const encode: EncodeBlock | undefined = put
    ? (values, from, out, at) => put(new DataView(out.buffer, out.byteOffset), at, values[from]!)
    : undefined
  return { ...blocks(name, ggmlType, 1, bytes, decode, encode), dtype }
}

const f32: Encoding = {
  name: 'F32',
  ggmlType: 0,
  blockSize: 1,
  blockBytes: 4,
  dtype: 'f32',
  importance: 'ignored',
  decode: (bytes, out) => new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes),
  encode: (values, out) => out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
}

/** Halves of two bytes, which need not lie at even addresses. */
const halves = (
  name: 'F16' | 'BF16',
  ggmlType: number,
  widen: (bits: Uint16Array, out: Float32Array) => unknown,
  narrow: (values: Float32Array, out?: Uint16Array) => Uint16Array,
): Encoding => ({
  name,
  ggmlType,
  blockSize: 1,
  blockBytes: 2,
  dtype: name === 'F16' ? 'f16' : 'bf16',
  importance: 'ignored',
  decode(bytes, out) {
    const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
    widen(new Uint16Array(buffer, byteOffset, out.length), out)
  },
  encode(values, out) {
    if (out.byteOffset % 2 === 0) narrow(values, new Uint16Array(out.buffer, out.byteOffset, values.length))
    else out.set(new Uint8Array(narrow(values).buffer))
  },
})

/** One row an encoding. Adding a row is all that a new one takes; one loop in the tests covers them all. */
export const encodings: readonly Encoding[] = [
  f32,
  halves('F16', 1, f16ToF32, f32ToF16),
  halves('BF16', 30, bf16ToF32, f32ToBf16),
  kernels('Q4_0', 2, 32, 18),
  kernels('Q4_1', 3, 32, 20),
  kernels('Q5_0', 6, 32, 22),
  kernels('Q5_1', 7, 32, 24),
  kernels('Q8_0', 8, 32, 34, 'ignored'),
  kernels('Q2_K', 10, 256, 84),
  kernels('Q3_K', 11, 256, 110),
  kernels('Q4_K', 12, 256, 144),
  kernels('Q5_K', 13, 256, 176),
  kernels('Q6_K', 14, 256, 210),
  rows('IQ2_XXS', 16, 256, 66, decodeIQ2_XXS, encodeIQ2_XXS, 'required'),
  rows('IQ2_XS', 17, 256, 74, decodeIQ2_XS, encodeIQ2_XS, 'required'),
  rows('IQ3_XXS', 18, 256, 98, decodeIQ3_XXS, encodeIQ3_XXS),
  rows('IQ1_S', 19, 256, 50, decodeIQ1_S, encodeIQ1_S, 'required'),
  levels('IQ4_NL', 20, 32, 18, encodeIQ4_NL, 'weighed'),
  rows('IQ3_S', 21, 256, 110, decodeIQ3_S, encodeIQ3_S),
  rows('IQ2_S', 22, 256, 82, decodeIQ2_S, encodeIQ2_S),
  levels('IQ4_XS', 23, 256, 136, encodeIQ4_XS, 'weighed'),
  rows('IQ1_M', 29, 256, 56, decodeIQ1_M, encodeIQ1_M),
  levels('TQ1_0', 34, 256, 54, levelEncoders.TQ1_0),
  levels('TQ2_0', 35, 256, 66, levelEncoders.TQ2_0),
  levels('MXFP4', 39, 32, 17, levelEncoders.MXFP4),
  levels('NVFP4', 40, 64, 36, levelEncoders.NVFP4),
  levels('Q1_0', 41, 128, 18, levelEncoders.Q1_0),
  levels('Q2_0', 42, 64, 18, levelEncoders.Q2_0),
  plain('I8', 24, 'i8', 1, (v, at) => v.getInt8(at)),
  plain('I16', 25, 'i16', 2, (v, at) => v.getInt16(at, true)),
  plain('I32', 26, 'i32', 4, (v, at) => v.getInt32(at, true)),
  plain('I64', 27, 'i64', 8, (v, at) => Number(v.getBigInt64(at, true))),
  plain('F64', 28, 'f64', 8, (v, at) => v.getFloat64(at, true)),
]

const byName = new Map(encodings.map(encoding => [encoding.name, encoding]))
const byType = new Map(encodings.map(encoding => [encoding.ggmlType, encoding]))

export const findEncoding = (ggmlType: number): Encoding | undefined => byType.get(ggmlType)

/** @throws FormatError `dtype` when there is no such encoding */
export function encodingNamed(name: string): Encoding {
  const encoding = byName.get(name.toUpperCase())
  if (!encoding)
    throw new FormatError('dtype', `unknown encoding ${JSON.stringify(name)}; known: ${[...byName.keys()].join(' ')}`)
  return encoding
}

/** Bytes of a row of values. @throws FormatError `size` when the row does not divide into blocks */
export function encodedBytes(encoding: Encoding, values: number): number {
  if (values % encoding.blockSize !== 0)
    throw new FormatError(
      'size',
      `${encoding.name} stores blocks of ${encoding.blockSize}: ${values} values do not divide`,
    )
  return (values / encoding.blockSize) * encoding.blockBytes
}

/**
 * f32 values to bytes, whole rows of `width`.
 * @param importance `[width]`, see `EncodeRows`
 * @throws FormatError `unsupported` when the encoding is read-only, `missing` when it cannot do without importance, `size` on a
 *   part of a block or where there is not one importance a column
 */
export function encodeValues(
  encoding: Encoding,
  values: Float32Array,
  width: number = values.length,
  importance?: Float32Array,
): Uint8Array {
  checkEncodable(encoding, width, importance)
  const rows = width === 0 ? 0 : values.length / width
  const out = new Uint8Array(rows * encodedBytes(encoding, width))
  encoding.encode!(values, out, width, importance)
  return out
}

/** @throws FormatError as `encodeValues` does, of rows of `width` */
export function checkEncodable(encoding: Encoding, width: number, importance: Float32Array | undefined): void {
  if (!encoding.encode) throw new FormatError('unsupported', `${encoding.name} can be read but not written`)
  if (encoding.importance === 'required' && !importance)
    throw new FormatError(
      'missing',
      `${encoding.name} is encoded with the importance of every column, and there is none: give an importance matrix, or choose an encoding that does without`,
    )
  if (importance && importance.length !== width)
    throw new FormatError(
      'size',
      `${encoding.name}: ${width} columns need as many importances, got ${importance.length}`,
    )
}

/** Bytes to f32 values. @throws FormatError `size` when the bytes are not exactly those of `count` values */
export function decodeValues(encoding: Encoding, bytes: Uint8Array, count: number): Float32Array {
  const expected = encodedBytes(encoding, count)
  if (bytes.length !== expected)
    throw new FormatError('size', `${encoding.name}: ${count} values take ${expected} bytes, got ${bytes.length}`)
  const out = new Float32Array(count)
  encoding.decode(bytes, out)
  return out
}
