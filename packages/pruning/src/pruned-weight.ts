import {
  denseAs,
  dtypes,
  indexBits,
  type Pattern,
  sparseWeight,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import { type PruneOptions, patternOf } from './options.ts'

/**
 * A matrix with removed elements, the others rounded to `dtype`.
 * A pattern that does not divide `in` is stored as a plain bitmap.
 * @throws RangeError when a kept value does not fit in f16
 */
export function prunedWeight(
  name: string,
  weight: TensorF32,
  removed: Uint8Array,
  { dtype, pattern }: { readonly dtype: PruneOptions['dtype']; readonly pattern?: Pattern | undefined },
): Weight {
  const inner = denseAs(weight, dtype)
  const kept = inner.dense().data
  const lost = kept.findIndex((value, k) => !removed[k] && !Number.isFinite(value))
  if (lost >= 0)
    throw new RangeError(`${name}: ${weight.data[lost]} does not fit in ${dtype}; set dtype to bf16 or f32`)
  const regular = pattern && inner.shape[1] % pattern.of === 0 ? pattern : undefined
  return sparseWeight({ removed, inner, ...(regular && { pattern: regular }) })
}

/** Bits that a mask of these options takes. */
export function indexBitsOf([rows, cols]: readonly [number, number], options: PruneOptions): number {
  const pattern = patternOf(options)
  return indexBits(rows * cols, pattern && cols % pattern.of === 0 ? pattern : undefined)
}

/** Bits a weight when `removed` of the elements of a matrix are gone. */
export function prunedBits(shape: readonly [number, number], removed: number, options: PruneOptions): number {
  const count = shape[0] * shape[1]
  const values = (count - removed) * dtypes[options.dtype].bytes * 8
  return (values + indexBitsOf(shape, options)) / count
}
