import { type DecodeBlock, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from './block-32.ts'
import { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K } from './block-256.ts'
import { type GridsOf, gridsOf } from './decode-grids.ts'
import { type CodeLayout, type Decoded, expandKernel, layouts } from './expand-simd.ts'
import { hasSimd } from './has-simd.ts'
import { compileKernel, KERNEL_VALUES, kernelMemory, places, sub } from './kernel-memory.ts'

/** Whole blocks to f32. */
export type DecodeRows = (bytes: Uint8Array, out: Float32Array) => void

const plain: Readonly<Record<Decoded, DecodeBlock>> = {
  Q4_0: decodeQ4_0,
  Q4_1: decodeQ4_1,
  Q5_0: decodeQ5_0,
  Q5_1: decodeQ5_1,
  Q8_0: decodeQ8_0,
  Q2_K: decodeQ2_K,
  Q3_K: decodeQ3_K,
  Q4_K: decodeQ4_K,
  Q5_K: decodeQ5_K,
  Q6_K: decodeQ6_K,
}

/** One block after the other: what the kernels are held against, and what runs where WebAssembly has no SIMD. */
export const plainDecoder = (name: Decoded): DecodeRows => eachBlock(layouts[name], plain[name])

function eachBlock({ blockSize, blockBytes }: CodeLayout, decode: DecodeBlock): DecodeRows {
  return (bytes, out) => {
    for (let b = 0; b < out.length / blockSize; b++) decode(bytes, b * blockBytes, out, b * blockSize)
  }
}

const fastDecoder = (name: Decoded): DecodeRows => kernelDecoder(layouts[name], plain[name], gridsOf[name])

/** The scales of a piece are read here where the kernel does not, its codes expanded by the kernel. */
export function kernelDecoder(layout: CodeLayout, plain: DecodeBlock, grids?: GridsOf): DecodeRows {
  const { blockSize, blockBytes, length } = layout
  const perBlock = blockSize / length
  let run: ReturnType<typeof compileKernel> | undefined
  return (bytes, out) => {
    if (!hasSimd()) {
      eachBlock(layout, plain)(bytes, out)
      return
    }
    run ??= compileKernel(expandKernel(layout))
    const { buffer } = kernelMemory()
    const subBlocks = KERNEL_VALUES / length
    const steps = new Float32Array(buffer, places.subs + sub.scales, subBlocks)
    const mins = new Float32Array(buffer, places.subs + sub.mins, subBlocks).fill(0)
    const memory = new Uint8Array(buffer)
    const values = new Float32Array(buffer, places.values, KERNEL_VALUES)
    for (let from = 0; from < out.length; from += KERNEL_VALUES) {
      const count = Math.min(KERNEL_VALUES, out.length - from)
      const [first, size] = [(from / blockSize) * blockBytes, (count / blockSize) * blockBytes]
      memory.set(bytes.subarray(first, first + size), places.codes)
      for (let b = 0; grids && b < count / blockSize; b++)
        grids(bytes, first + b * blockBytes, steps, mins, b * perBlock)
      run(places.codes, places.codes + size, places.subs, places.values)
      out.set(count === KERNEL_VALUES ? values : values.subarray(0, count), from)
    }
  }
}

export const decoders: Readonly<Record<Decoded, DecodeRows>> = {
  Q4_0: fastDecoder('Q4_0'),
  Q4_1: fastDecoder('Q4_1'),
  Q5_0: fastDecoder('Q5_0'),
  Q5_1: fastDecoder('Q5_1'),
  Q8_0: fastDecoder('Q8_0'),
  Q2_K: fastDecoder('Q2_K'),
  Q3_K: fastDecoder('Q3_K'),
  Q4_K: fastDecoder('Q4_K'),
  Q5_K: fastDecoder('Q5_K'),
  Q6_K: fastDecoder('Q6_K'),
}
