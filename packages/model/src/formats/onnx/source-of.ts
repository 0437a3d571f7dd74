import { type Tensor, toF32, type Weight } from '@sinter/tensor-core'
import { checkRows, type TensorSource } from '../source.ts'

/** What an export reads. */
export interface OnnxSource extends TensorSource {
  weight(name: string): Promise<Weight | undefined>
}

/** What a checkpoint must at least be able to do. */
export type SourceLike = Pick<TensorSource, 'names' | 'info' | 'read'> &
  Partial<Pick<TensorSource, 'readRows' | 'weight'>>

/** Fills in what a source lacks. */
export function sourceOf(source: SourceLike): OnnxSource {
  const names = new Set(source.names())
  // A table that can only be had whole is asked for piece by piece: it is read once.
  let held: { readonly name: string; readonly tensor: Tensor } | undefined
  const wholeRows = async (name: string, start: number, count: number): Promise<Tensor> => {
    if (held?.name !== name) held = { name, tensor: await source.read(name) }
    return rowsOf(name, held.tensor, start, count)
  }
  return {
    kind: 'safetensors',
    names: () => [...names],
    has: name => names.has(name),
    info: name => source.info(name),
    read: name => source.read(name),
    readRows: (name, start, count) => source.readRows?.(name, start, count) ?? wholeRows(name, start, count),
    weight: async name => source.weight?.(name),
    close: async () => {},
  }
}

/** Rows of a tensor that is there whole. */
export function rowsOf(name: string, tensor: Tensor, start: number, count: number): Tensor {
  checkRows(name, tensor.shape, start, count)
  const { shape, data } = toF32(tensor)
  const width = data.length / (shape[0] || 1)
  return {
    dtype: 'f32',
    shape: [count, ...shape.slice(1)],
    data: data.subarray(start * width, (start + count) * width),
  }
}
