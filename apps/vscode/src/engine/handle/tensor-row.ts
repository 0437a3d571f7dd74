import type { TensorSource } from '@sinter/model'
import type { TensorRow } from '../../shared/protocol.ts'

const elements = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1)

export function rowOf(source: TensorSource, name: string): TensorRow {
  const { encoding, shape, bytes } = source.info(name)
  return { name, encoding, shape, bytes, bits: (8 * bytes) / Math.max(1, elements(shape)) }
}
