import type { Tensor } from '@sinter/tensor-core'
import { FormatError, type TensorSource } from '../../src/index.ts'

/** A checkpoint in memory. */
export function sourceOf(tensors: Readonly<Record<string, Tensor>>): TensorSource {
  const find = (name: string): Tensor => {
    const found = tensors[name]
    if (!found) throw new FormatError('missing', `no ${name}`)
    return found
  }
  return {
    kind: 'safetensors',
    names: () => Object.keys(tensors),
    has: name => Object.hasOwn(tensors, name),
    info: name => ({ ...find(name), encoding: find(name).dtype, bytes: find(name).data.byteLength }),
    read: async name => find(name),
    readRows: () => Promise.reject(new Error('not used')),
    close: async () => {},
  }
}
