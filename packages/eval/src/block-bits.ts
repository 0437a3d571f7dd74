import type { BitCount } from '@sinter/tensor-core'

/** Bits that one value takes in ggml's block encodings; what else a block holds are scales and offsets. */
const valueBits: Readonly<Record<string, number>> = {
  Q4_0: 4,
  Q4_1: 4,
  Q5_0: 5,
  Q5_1: 5,
  Q8_0: 8,
  Q2_K: 2,
  Q3_K: 3,
  Q4_K: 4,
  Q5_K: 5,
  Q6_K: 6,
  IQ4_NL: 4,
  IQ4_XS: 4,
  MXFP4: 4,
}

/** Encodings of 32 values with an f16 offset beside the f16 scale. */
const withMinimum = new Set(['Q4_1', 'Q5_1'])

/**
 * What a block-encoded tensor spends its bits on. K-quants pack scales and minima together: both count as scales. An
 * encoding that is not known counts as values whole.
 */
export function blockBits(encoding: string, bytes: number, elements: number): BitCount {
  const values = Math.min(bytes * 8, elements * (valueBits[encoding] ?? Number.POSITIVE_INFINITY))
  const zeroPoints = withMinimum.has(encoding) ? elements / 2 : 0
  return { values, scales: bytes * 8 - values - zeroPoints, zeroPoints, indices: 0 }
}
