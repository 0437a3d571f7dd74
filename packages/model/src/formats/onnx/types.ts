import { FormatError } from '../format-error.ts'
import type { TableType } from './embedding.ts'
import type { NBits } from './round.ts'

/** What a type of export does with matrices that have no compressed form of their own. */
export interface OnnxType {
  readonly name: string
  /** How transformers.js calls it, and what its files end in. */
  readonly dtype: string
  readonly suffix: string
  readonly linear: NBits | 'f16' | 'f32'
  /** Of embedding and head, which suffer most from few bits. */
  readonly table: TableType
  /** 8-bit matrices with one scale a row, and activations in 8 bits. */
  readonly integerProducts?: boolean
}

/** One line a type. */
export const onnxTypes: readonly OnnxType[] = [
  { name: 'q4', dtype: 'q4', suffix: '_q4', linear: 4, table: 8 },
  { name: 'q8', dtype: 'q8', suffix: '_quantized', linear: 8, table: 8 },
  { name: 'int8', dtype: 'int8', suffix: '_int8', linear: 8, table: 8, integerProducts: true },
  { name: 'q2', dtype: 'q2', suffix: '_q2', linear: 2, table: 8 },
  { name: 'fp16', dtype: 'fp16', suffix: '_fp16', linear: 'f16', table: 'f16' },
  { name: 'fp32', dtype: 'fp32', suffix: '', linear: 'f32', table: 'f32' },
]

/** @throws FormatError `unsupported` */
export function onnxTypeNamed(name: string): OnnxType {
  const found = onnxTypes.find(type => type.name === name)
  if (found) return found
  throw new FormatError(
    'unsupported',
    `onnx:${name} cannot be written; known: ${onnxTypes.map(type => type.name).join(', ')}`,
  )
}
