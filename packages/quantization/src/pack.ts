import { packBits, type Quantized, type Tensor, toF32 } from '@sinter/tensor-core'

/** Tensors of one linear as GPTQ checkpoints have them. Scales are given as stored here, `[groups, out]`. */
export interface GptqTensors {
  /** i32 `[in·bits/32, out]`, packed along the inputs. */
  readonly qweight: Tensor
  /** i32 `[groups, out·bits/32]`, packed along the outputs. */
  readonly qzeros: Tensor
  /** f32 `[groups, out]` */
  readonly scales: Tensor
}

/** Codes of one line as 32-bit words, the first code in the lowest bits; codes of 3 bits run across words. */
function words(line: Uint8Array, bits: number): Int32Array {
  const bytes = packBits(line, bits)
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4)
  padded.set(bytes)
  return new Int32Array(padded.buffer)
}

const matrixOf = (shape: readonly [number, number], data: Int32Array): Tensor => ({ dtype: 'i32', shape, data })

/** Packs along the second dimension: `[rows, cols]` → i32 `[rows, ⌈cols·bits/32⌉]`. */
export function packAlongColumns(codes: Uint8Array, [rows, cols]: readonly [number, number], bits: number): Tensor {
  const lines = Array.from({ length: rows }, (_, r) => words(codes.subarray(r * cols, (r + 1) * cols), bits))
  const per = lines[0]?.length ?? 0
  const out = new Int32Array(rows * per)
  for (const [r, line] of lines.entries()) out.set(line, r * per)
  return matrixOf([rows, per], out)
}

/** Packs along the first dimension: `[rows, cols]` → i32 `[⌈rows·bits/32⌉, cols]`. */
export function packAlongRows(codes: Uint8Array, [rows, cols]: readonly [number, number], bits: number): Tensor {
  const { shape, data } = packAlongColumns(transposed(codes, [rows, cols]), [cols, rows], bits)
  const per = shape[1]!
  return matrixOf([per, cols], transposed(data as Int32Array, [cols, per]))
}

function transposed<A extends Uint8Array | Int32Array | Float32Array>(
  data: A,
  [rows, cols]: readonly [number, number],
): A {
  const out = data.slice() as A
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = data[r * cols + c]!
  return out
}

/**
 * The layout of GPTQ checkpoints, version 1 (stores z − 1) or 2 (stores z).
 * @throws RangeError for a minimum grid, and for a zero point of 0 in version 1: it would spill into the neighbouring fields
 */
export function packGptq(q: Quantized, version: 1 | 2): GptqTensors {
  const [out, width] = q.shape
  const [rows, groups] = q.scales.shape as [number, number]
  if (q.mins || rows !== out)
    throw new RangeError('gptq layout: expected integer zero points, and a grid for every row')
  const zeros = (q.zeroPoints ?? new Uint8Array(out * groups).fill(2 ** (q.bits - 1))).map(zero => {
    if (version === 1 && zero === 0)
      throw new RangeError('gptq layout 1 cannot hold a zero point of 0; write version 2')
    return version === 1 ? zero - 1 : zero
  })
  return {
    qweight: packAlongRows(transposed(q.codes, [out, width]), [width, out], q.bits),
    qzeros: packAlongColumns(transposed(zeros, [out, groups]), [groups, out], q.bits),
    scales: { dtype: 'f32', shape: [groups, out], data: transposed(toF32(q.scales).data, [out, groups]) },
  }
}

/** AWQ's GEMM kernels read the eight codes of a word in this order of columns. */
const awqOrder = [0, 2, 4, 6, 1, 3, 5, 7]

/** The layout of AWQ's GEMM kernels, 4 bits: `[rows, out]` → i32 `[rows, out/8]`. @throws RangeError when out % 8 ≠ 0 */
export function packAwq(codes: Uint8Array, [rows, out]: readonly [number, number]): Tensor {
  if (out % 8 !== 0) throw new RangeError(`awq layout: expected a multiple of 8 outputs, got ${out}`)
  const shuffled = codes.map((_, k) => codes[k - (k % 8) + awqOrder[k % 8]!]!)
  return packAlongColumns(shuffled, [rows, out], 4)
}
