import { FormatError, type TensorSource } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'

/** Tensors in memory as an open checkpoint: a model that was never on a disk. */
export function memorySource(tensors: ReadonlyMap<string, TensorF32>): TensorSource {
  const find = (name: string): TensorF32 => {
    const tensor = tensors.get(name)
    if (!tensor) throw new FormatError('missing', `the model has no tensor ${JSON.stringify(name)}`)
    return tensor
  }
  return {
    kind: 'safetensors',
    names: () => [...tensors.keys()],
    has: name => tensors.has(name),
    info: name => {
      const { shape, data } = find(name)
      return { encoding: 'F32', dtype: 'f32', shape, bytes: data.byteLength }
    },
    read: async name => ({ ...find(name), data: find(name).data.slice() }),
    readRows: async (name, start, count) => {
      const { shape, data } = find(name)
      const width = data.length / shape[0]!
      return {
        dtype: 'f32',
        shape: [count, ...shape.slice(1)],
        data: data.slice(start * width, (start + count) * width),
      }
    },
    close: async () => {},
  }
}
