import type { DType, Tensor } from '@sinter/tensor-core'

interface Packing {
  /** As HQQ names it. */
  readonly name: string
  readonly dtype: 'u8' | 'i32'
  /** Codes in an element: the first of `parts` equal parts of the rows lies in the highest bits. */
  readonly parts: number
  /** Bits of a field. */
  readonly field: number
}

const one: Packing = { name: '8bit_u8', dtype: 'u8', parts: 1, field: 8 }

/** How codes of so many bits are packed. */
export const packings: Readonly<Record<number, Packing>> = {
  1: { name: '1bit_u8', dtype: 'u8', parts: 8, field: 1 },
  2: { name: '2bit_u8', dtype: 'u8', parts: 4, field: 2 },
  3: { name: '3bit_32', dtype: 'i32', parts: 10, field: 3 },
  4: { name: '4bit_u8', dtype: 'u8', parts: 2, field: 4 },
  5: one,
  6: one,
  8: one,
}

/** Rows of an element's part: the last part of ten may be filled up with zeros. */
export const partRows = (rows: number, bits: number): number => Math.ceil(rows / packings[bits]!.parts)

/** Codes `[rows, width]`, a group a row, to `[⌈rows/parts⌉, width]`. */
export function packParts(codes: Uint8Array, rows: number, width: number, bits: number): Tensor {
  const { dtype, parts, field } = packings[bits]!
  const step = partRows(rows, bits)
  const data = dtype === 'i32' ? new Int32Array(step * width) : new Uint8Array(step * width)
  for (let part = 0; part < parts; part++) {
    const from = part * step * width
    const shift = (parts - 1 - part) * field
    const count = Math.min(data.length, Math.max(0, codes.length - from))
    for (let k = 0; k < count; k++) data[k]! |= codes[from + k]! << shift
  }
  return { dtype: dtype as DType, shape: [step, width], data }
}

/** The inverse of `packParts`. */
export function unpackParts({ data }: Tensor, rows: number, width: number, bits: number): Uint8Array {
  const { parts, field } = packings[bits]!
  const packed = data as Uint8Array | Int32Array
  const codes = new Uint8Array(rows * width)
  const mask = 2 ** field - 1
  for (let part = 0; part < parts; part++) {
    const from = part * packed.length
    const shift = (parts - 1 - part) * field
    const count = Math.min(packed.length, Math.max(0, codes.length - from))
    for (let k = 0; k < count; k++) codes[from + k] = (packed[k]! >>> shift) & mask
  }
  return codes
}
