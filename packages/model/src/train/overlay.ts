import type { Tensor, TensorF32, Weight } from '@sinter/tensor-core'
import { checkRows, type TensorSource } from '../formats/source.ts'

/** A checkpoint with some tensors kept in memory, where training changes them. What is read is a copy. */
export function overlay(source: TensorSource, live: ReadonlyMap<string, TensorF32>): TensorSource {
  return {
    kind: source.kind,
    names: () => source.names(),
    has: name => source.has(name),
    info(name) {
      const tensor = live.get(name)
      if (!tensor) return source.info(name)
      return { encoding: 'F32', dtype: 'f32', shape: tensor.shape, bytes: tensor.data.byteLength }
    },
    async read(name, into) {
      const tensor = live.get(name)
      return tensor ? copy(tensor, tensor.shape, tensor.data, into) : source.read(name, into)
    },
    async readRows(name, start, count, into) {
      const tensor = live.get(name)
      if (!tensor) return source.readRows(name, start, count, into)
      checkRows(name, tensor.shape, start, count)
      const width = tensor.data.length / (tensor.shape[0] || 1)
      const rows = tensor.data.subarray(start * width, (start + count) * width)
      return copy(tensor, [count, ...tensor.shape.slice(1)], rows, into)
    },
    // The source belongs to whoever opened it.
    close: async () => {},
  }
}

/** A checkpoint with some matrices replaced by Weights; their values are worked out whenever they are read. */
export function overlayWeights(source: TensorSource, weights: ReadonlyMap<string, Weight>): TensorSource {
  return {
    kind: source.kind,
    names: () => source.names(),
    has: name => source.has(name),
    info(name) {
      const weight = weights.get(name)
      if (!weight) return source.info(name)
      const [out, width] = weight.shape
      return { encoding: 'F32', dtype: 'f32', shape: weight.shape, bytes: 4 * out * width }
    },
    async read(name, into) {
      const weight = weights.get(name)
      return weight ? rowsOf(weight, 0, weight.shape[0], into) : source.read(name, into)
    },
    async readRows(name, start, count, into) {
      const weight = weights.get(name)
      if (!weight) return source.readRows(name, start, count, into)
      checkRows(name, weight.shape, start, count)
      return rowsOf(weight, start, start + count, into)
    },
    close: async () => {},
  }
}

function rowsOf(weight: Weight, start: number, end: number, into: Uint8Array<ArrayBuffer> | undefined): Tensor {
  const out = memoryFor((end - start) * weight.shape[1], into)
  weight.denseRows(start, end, out)
  return { dtype: 'f32', shape: [end - start, weight.shape[1]], data: out }
}

function memoryFor(length: number, into: Uint8Array<ArrayBuffer> | undefined): Float32Array {
  const fits = into?.byteLength === 4 * length && into.byteOffset % 4 === 0
  return fits ? new Float32Array(into.buffer, into.byteOffset, length) : new Float32Array(length)
}

function copy(
  { dtype }: TensorF32,
  shape: readonly number[],
  data: Float32Array,
  into: Uint8Array<ArrayBuffer> | undefined,
): Tensor {
  const out = memoryFor(data.length, into)
  out.set(data)
  return { dtype, shape, data: out }
}
