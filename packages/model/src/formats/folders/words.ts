import { packBits, type Tensor, unpackBits } from '@sinter/tensor-core'
import { transposed } from '../transposed.ts'

type Matrix = readonly [rows: number, cols: number]

/** 32-bit words that hold `count` codes, packed without gaps. */
export const wordsFor = (count: number, bits: number): number => Math.ceil((count * bits) / 32)

/**
 * Packs along the second dimension: codes `[rows, cols]` → i32 `[rows, ⌈cols·bits/32⌉]`, every row beginning a word, the first code in
 * the lowest bits; codes of 3, 5, 6 and 7 bits run across words.
 */
export function packAlongColumns(codes: Uint8Array, [rows, cols]: Matrix, bits: number): Tensor {
  const per = wordsFor(cols, bits)
  const bytes = new Uint8Array(rows * per * 4)
  if ((cols * bits) % 32 === 0) packBits(codes, bits, bytes)
  else for (let r = 0; r < rows; r++) bytes.set(packBits(codes.subarray(r * cols, (r + 1) * cols), bits), r * per * 4)
  return { dtype: 'i32', shape: [rows, per], data: new Int32Array(bytes.buffer) }
}

/** The inverse of `packAlongColumns`. */
export function unpackAlongColumns(words: Int32Array, [rows, cols]: Matrix, bits: number): Uint8Array {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  if ((cols * bits) % 32 === 0) return unpackBits(bytes, bits, rows * cols)
  const per = wordsFor(cols, bits) * 4
  const used = Math.ceil((cols * bits) / 8)
  const codes = new Uint8Array(rows * cols)
  for (let r = 0; r < rows; r++)
    unpackBits(bytes.subarray(r * per, r * per + used), bits, cols, codes.subarray(r * cols, (r + 1) * cols))
  return codes
}

/** Packs along the first dimension: codes `[rows, cols]` → i32 `[⌈rows·bits/32⌉, cols]`. */
export function packAlongRows(codes: Uint8Array, [rows, cols]: Matrix, bits: number): Tensor {
  const { data } = packAlongColumns(transposed(codes, [rows, cols]), [cols, rows], bits)
  const per = wordsFor(rows, bits)
  return { dtype: 'i32', shape: [per, cols], data: transposed(data as Int32Array, [cols, per]) }
}

/** The inverse of `packAlongRows`, still turned: codes `[cols, rows]`. */
export const unpackAlongRows = (words: Int32Array, [rows, cols]: Matrix, bits: number): Uint8Array =>
  unpackAlongColumns(transposed(words, [wordsFor(rows, bits), cols]), [cols, rows], bits)

/**
 * Words that hold as many whole codes as fit, the way compressed-tensors packed up to 0.17: 10 of 3 bits, with 2 bits left over.
 * The same as `unpackAlongColumns` for 1, 2, 4 and 8 bits.
 */
export function unpackWholeCodes(words: Int32Array, [rows, cols]: Matrix, bits: number): Uint8Array {
  const each = Math.floor(32 / bits)
  const per = Math.ceil(cols / each)
  const codes = new Uint8Array(rows * cols)
  const mask = 2 ** bits - 1
  for (let r = 0, k = 0; r < rows; r++)
    for (let c = 0; c < cols; c++, k++)
      codes[k] = (words[r * per + Math.floor(c / each)]! >>> ((c % each) * bits)) & mask
  return codes
}

/** AWQ's GEMM kernels read the eight codes of a word in this order of columns. */
const awqOrder = [0, 2, 4, 6, 1, 3, 5, 7]

/** The words of AWQ's GEMM kernels, 4 bits: codes `[rows, out]` → i32 `[rows, out/8]`. `out` is a multiple of 8. */
export function packAwq(codes: Uint8Array, shape: Matrix): Tensor {
  const shuffled = new Uint8Array(codes.length)
  for (let from = 0; from < codes.length; from += 8)
    for (let k = 0; k < 8; k++) shuffled[from + k] = codes[from + awqOrder[k]!]!
  return packAlongColumns(shuffled, shape, 4)
}

/** The inverse of `packAwq`. */
export function unpackAwq(words: Int32Array, shape: Matrix): Uint8Array {
  const shuffled = unpackAlongColumns(words, shape, 4)
  const codes = new Uint8Array(shuffled.length)
  for (let from = 0; from < codes.length; from += 8)
    for (let k = 0; k < 8; k++) codes[from + awqOrder[k]!] = shuffled[from + k]!
  return codes
}
