import type { EncodeRows } from '../encodings.ts'
import { type EncodeBlock, encodeQ4_0, encodeQ4_1, encodeQ5_0, encodeQ5_1, encodeQ8_0 } from './block-32.ts'
import { type Block32, block32Kernel } from './block-32-simd.ts'
import { hasSimd } from './has-simd.ts'
import { compileKernel, KERNEL_VALUES, kernelMemory, places } from './kernel-memory.ts'

/** Encoders of the blocks of 32 whose scale follows from their extremes; they ask for no importance. */
export type Blocks32 = Readonly<Record<'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0', EncodeRows>>

const eachBlock =
  (blockBytes: number, encode: EncodeBlock): EncodeRows =>
  (values, out) => {
    for (let b = 0; b < values.length / 32; b++) encode(values, 32 * b, out, b * blockBytes)
  }

export const plainBlocks: Blocks32 = {
  Q4_0: eachBlock(18, encodeQ4_0),
  Q4_1: eachBlock(20, encodeQ4_1),
  Q5_0: eachBlock(22, encodeQ5_0),
  Q5_1: eachBlock(24, encodeQ5_1),
  Q8_0: eachBlock(34, encodeQ8_0),
}

/** In pieces through the kernel; plain code does what it gives back, and everything where there is no SIMD. */
function fast(plain: EncodeRows, blockBytes: number, block: Block32): EncodeRows {
  let run: ReturnType<typeof compileKernel> | undefined
  return (values, out, width) => {
    if (!hasSimd()) {
      plain(values, out, width)
      return
    }
    run ??= compileKernel(block32Kernel(block))
    const { buffer } = kernelMemory()
    const floats = new Float32Array(buffer)
    for (let from = 0; from < values.length; from += KERNEL_VALUES) {
      const some = values.subarray(from, from + KERNEL_VALUES)
      // Four blocks at a time: zeros behind the last.
      const whole = Math.ceil(some.length / 128) * 128
      floats.set(some, places.values / 4)
      floats.fill(0, places.values / 4 + some.length, places.values / 4 + whole)
      run(places.values, places.values + 4 * whole, places.codes)
      const to = (from / 32) * blockBytes
      const length = (some.length / 32) * blockBytes
      const odd = new Int32Array(buffer, places.steps, 4).some(lane => lane !== 0)
      if (odd) plain(some, out.subarray(to, to + length), width)
      else out.set(new Uint8Array(buffer, places.codes, length), to)
    }
  }
}

export const fastBlocks: Blocks32 = {
  Q4_0: fast(plainBlocks.Q4_0, 18, { kind: 'largest', divisor: -8, bits: 4 }),
  Q4_1: fast(plainBlocks.Q4_1, 20, { kind: 'range', divisor: 15, bits: 4 }),
  Q5_0: fast(plainBlocks.Q5_0, 22, { kind: 'largest', divisor: -16, bits: 5 }),
  Q5_1: fast(plainBlocks.Q5_1, 24, { kind: 'range', divisor: 31, bits: 5 }),
  Q8_0: fast(plainBlocks.Q8_0, 34, { kind: 'bytes', divisor: 127, bits: 8 }),
}
