import { encodedBytes, encodingNamed, type Model, type TensorInfo } from '@sinter/model'
import { type DType, dtypes, sizeOf } from '@sinter/tensor-core'
import type { OutputPlan } from './plan.ts'

/** How a tensor will lie in the output. */
export interface Stored {
  readonly type: string
  readonly bytes: number
}

/** What the output stores of a tensor. */
export function storedAs(output: OutputPlan, info: TensorInfo, compressed: boolean): Stored {
  return output.container === 'gguf' ? inGguf(output.encoding, info.shape, compressed) : inFolder(output.encoding, info)
}

function inFolder(encoding: string, { dtype, shape }: TensorInfo): Stored {
  const type = encoding === 'keep' ? dtype : (encoding as DType)
  return { type, bytes: sizeOf(shape) * dtypes[type].bytes }
}

/** llama.cpp computes with vectors in f32; matrices that nothing compresses stay at 16 bits. */
function inGguf(encoding: string, shape: readonly number[], compressed: boolean): Stored {
  const matrix = compressed || encoding === 'F32' ? encoding : 'F16'
  const wanted = shape.length === 1 ? 'F32' : matrix
  const fits = (shape.at(-1) ?? 1) % encodingNamed(wanted).blockSize === 0
  const type = fits ? wanted : 'F16'
  return { type, bytes: encodedBytes(encodingNamed(type), sizeOf(shape)) }
}

/** Bytes of the weights in the output; tokenizer and header are small beside them. */
export function outputBytes(model: Model, output: OutputPlan, compressed: ReadonlySet<string>): number {
  return model.source
    .names()
    .reduce((sum, name) => sum + storedAs(output, model.source.info(name), compressed.has(name)).bytes, 0)
}
