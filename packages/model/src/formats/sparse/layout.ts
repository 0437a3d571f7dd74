import type { DType } from '@sinter/tensor-core'
import type { SafetensorsSpec } from '../safetensors-layout.ts'
import { maskRowBytes } from './mask-rows.ts'
import { keptPerRow, patternRowBytes } from './pattern-rows.ts'
import type { SparseForm } from './scan.ts'

/** A sparse matrix `X.weight` lies in the file as tensors `X.compressed`, `X.shape` and these. */
export const parts = ['compressed', 'shape', 'bitmask', 'row_offsets', 'pattern', 'index'] as const
export type Part = (typeof parts)[number]

/** `model.layers.0.mlp.up_proj` of `model.layers.0.mlp.up_proj.weight`. */
export const baseOf = (name: string): string => name.slice(0, -'.weight'.length)
export const partName = (base: string, part: Part): string => `${base}.${part}`

/** The tensors that store a matrix `[rows, cols]` of which `kept` elements are not zero. */
export function partSpecs(
  base: string,
  dtype: DType,
  [rows, cols]: readonly [number, number],
  form: SparseForm,
  kept: number,
): SafetensorsSpec[] {
  const spec = (part: Part, dtype: DType, shape: readonly number[]) => ({ name: partName(base, part), dtype, shape })
  const shape = spec('shape', 'i64', [2])
  if (form.kind === 'bitmask')
    return [
      spec('compressed', dtype, [kept]),
      spec('bitmask', 'u8', [rows, maskRowBytes(cols)]),
      ...(form.rowOffsets ? [spec('row_offsets', 'i64', [rows])] : []),
      shape,
    ]
  return [
    spec('compressed', dtype, [rows, keptPerRow(cols, form.pattern)]),
    spec('index', 'u8', [rows, patternRowBytes(cols, form.pattern)]),
    spec('pattern', 'i64', [2]),
    shape,
  ]
}
