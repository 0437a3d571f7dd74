import { input, type Node } from '../graph/node.ts'
import { cast } from '../ops/cast.ts'
import { mul } from '../ops/elementwise.ts'
import { gather } from '../ops/gather.ts'
import { linear } from '../ops/linear.ts'
import { reshape } from '../ops/reshape.ts'
import { f32, type Tensor } from '../tensor.ts'
import { scaleValues } from './block-scales.ts'
import type { Codebook, CodebookWeight } from './codebook.ts'
import { denseInputs, emitDense } from './emit-dense.ts'
import { unpackHighFirst } from './high-first.ts'

const blocksOf = ({ shape: [out, width], blockSize }: Codebook): number => (out * width) / blockSize

/** Blocks of one length can be seen as rows; a shorter last one cannot. */
const regular = (codebook: Codebook): boolean => Number.isInteger(blocksOf(codebook))

/** Codes enter the graph as bytes, `[blocks, blockSize]`, and are looked up there. */
export function emitCodebook(weight: CodebookWeight, x: Node, name: string): Node {
  const { codebook } = weight
  if (!regular(codebook)) return emitDense(weight, x, name)
  const { shape, blockSize, levels } = codebook
  const blocks = blocksOf(codebook)
  const codes = cast(input(`${name}.codes`, 'u8', [blocks, blockSize]), 'i32')
  const values = gather(input(`${name}.levels`, 'f32', [levels.length]), codes)
  return linear(x, reshape(mul(values, input(`${name}.scales`, 'f32', [blocks, 1])), shape))
}

export function codebookInputs(weight: CodebookWeight, name: string): Record<string, Tensor> {
  const { codebook } = weight
  if (!regular(codebook)) return denseInputs(weight, name)
  const { shape, bits, blockSize, levels, packed, scales } = codebook
  const blocks = blocksOf(codebook)
  const codes = new Uint8Array(shape[0] * shape[1])
  unpackHighFirst(packed, bits, 0, codes.length, codes)
  return {
    [`${name}.codes`]: { dtype: 'u8', shape: [blocks, blockSize], data: codes },
    [`${name}.levels`]: f32([levels.length], levels),
    // A 64th of the values: not worth a second look-up in the graph.
    [`${name}.scales`]: f32([blocks, 1], scaleValues(scales, 0, blocks)),
  }
}
