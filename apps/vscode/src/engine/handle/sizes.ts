import type { TensorSource } from '@sinter/model'
import type { TensorRow } from '../../shared/protocol.ts'

export interface Sizes {
  readonly parameters: number
  readonly tensorBytes: number
}

export const elements = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1)

/** Of all tensors; a tied embedding counts once. */
export function sizesOf(source: TensorSource): Sizes {
  let parameters = 0
  let tensorBytes = 0
  for (const name of source.names()) {
    const { shape, bytes } = source.info(name)
    parameters += elements(shape)
    tensorBytes += bytes
  }
  return { parameters, tensorBytes }
}

export function rowOf(source: TensorSource, name: string): TensorRow {
  const { encoding, shape, bytes } = source.info(name)
  return { name, encoding, shape, bytes, bits: (8 * bytes) / Math.max(1, elements(shape)) }
}
