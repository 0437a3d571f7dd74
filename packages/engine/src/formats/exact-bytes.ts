import { packQ4_0, packQ4_1, packQ8_0 } from '@sinter/model'
import { isQuantized, type Quantized, type Tensor, type Weight } from '@sinter/tensor-core'

interface Packing {
  readonly bits: number
  readonly mins: boolean
  readonly pack: (q: Quantized, rows: readonly number[]) => Uint8Array
}

/** GGUF encodings that can hold codes of ours as they are: one line each. All have blocks of 32 and f16 scales. */
const packings: Readonly<Record<string, Packing>> = {
  Q4_0: { bits: 4, mins: false, pack: (q, rows) => packQ4_0(codesOf(q, rows), halves(q, q.scales, rows)) },
  Q4_1: {
    bits: 4,
    mins: true,
    pack: (q, rows) => packQ4_1(codesOf(q, rows), halves(q, q.scales, rows), halves(q, q.mins!, rows)),
  },
  Q8_0: {
    bits: 8,
    mins: false,
    pack: (q, rows) =>
      packQ8_0(
        Int8Array.from(codesOf(q, rows), code => code - 128),
        halves(q, q.scales, rows),
      ),
  },
}

/**
 * The bytes of a compressed matrix in a GGUF encoding, its own codes and scales; undefined when the encoding cannot hold them
 * (then the values are encoded anew).
 * @param rowOrder row r of the file is row `rowOrder[r]` of the weight
 */
export function exactBytes(weight: Weight, encoding: string, rowOrder?: Int32Array): Uint8Array | undefined {
  const packing = packings[encoding]
  if (!packing || !isQuantized(weight)) return undefined
  const q = weight.quantized
  const symmetric = (q.zeroPoints ?? q.mins ?? q.zeros) === undefined
  const fits =
    q.bits === packing.bits &&
    q.groupSize === 32 &&
    q.shape[1] % 32 === 0 &&
    q.scales.dtype === 'f16' &&
    q.scales.data.length > 1 &&
    (packing.mins ? q.mins?.dtype === 'f16' : symmetric)
  if (!fits) return undefined
  return packing.pack(q, rowOrder ? [...rowOrder] : Array.from({ length: q.shape[0] }, (_, row) => row))
}

function codesOf({ codes, shape: [, cols] }: Quantized, rows: readonly number[]): Uint8Array {
  const out = new Uint8Array(codes.length)
  for (const [i, row] of rows.entries()) out.set(codes.subarray(row * cols, (row + 1) * cols), i * cols)
  return out
}

/** Raw f16 values of every group, rows in order. */
function halves({ shape: [, cols] }: Quantized, { data }: Tensor, rows: readonly number[]): Uint16Array {
  const groups = cols / 32
  const out = new Uint16Array(data.length)
  for (const [i, row] of rows.entries())
    out.set((data as Uint16Array).subarray(row * groups, (row + 1) * groups), i * groups)
  return out
}
