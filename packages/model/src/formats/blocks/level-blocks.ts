import type { EncodeRows } from '../encodings.ts'
import { putF16 } from '../half.ts'
import type { EncodeBlock } from './block-32.ts'
import { e8m0Half, e8m0Of, encodeMXFP4, encodeNVFP4, isNear, ue4m3Half, ue4m3Of } from './float-4.ts'
import { mxfp4Kernel, nvfp4Kernel } from './float-4-simd.ts'
import { hasSimd } from './has-simd.ts'
import { compileKernel, KERNEL_VALUES, kernelMemory, places } from './kernel-memory.ts'
import {
  largestKernel,
  packQ2_0,
  packTQ1_0,
  packTQ2_0,
  signsKernel,
  sumsKernel,
  type Ternary,
  ternaryKernel,
} from './level-blocks-simd.ts'
import { encodeQ1_0, encodeQ2_0, encodeTQ1_0, encodeTQ2_0 } from './ternary.ts'

/** Encoders of the blocks that weigh nothing, in pieces through WebAssembly kernels; plain code does what these do not agree about. */

const { fround } = Math

interface Piece {
  readonly values: Float32Array
  /** Of the pieces' blocks. */
  readonly blocks: Uint8Array
  readonly count: number
}

/** What works on a piece in the kernels' memory; false where plain code has to. */
type PieceEncoder = (piece: Piece) => boolean

function inPieces(size: number, blockBytes: number, plain: EncodeBlock, create: () => PieceEncoder): EncodeRows {
  let encode: PieceEncoder | undefined
  return (values, out) => {
    if (hasSimd()) encode ??= create()
    else {
      for (let b = 0; b < values.length / size; b++) plain(values, b * size, out, b * blockBytes)
      return
    }
    for (let from = 0; from < values.length; from += KERNEL_VALUES) {
      const some = values.subarray(from, from + KERNEL_VALUES)
      const count = some.length / size
      const at = (from / size) * blockBytes
      const { buffer } = kernelMemory()
      const blocks = new Uint8Array(buffer, places.codes, count * blockBytes)
      new Float32Array(buffer, places.values, some.length).set(some)
      if (encode?.({ values: some, blocks, count })) out.set(blocks, at)
      else for (let b = 0; b < count; b++) plain(some, b * size, out, at + b * blockBytes)
    }
  }
}

/** Inverses and largest values have a place each that is as large as needed: a scale has at least 16 values. */
const [inversesAt, largestAt] = [places.importance, places.importance + KERNEL_VALUES / 4]

/** Largest magnitudes of the piece's blocks, and whether all values are finite. */
function findLargest(size: number): (count: number) => Float32Array | undefined {
  const run = compileKernel(largestKernel(size))
  return count => {
    run(places.values, places.values + 4 * size * count, largestAt)
    const found = new Float32Array(kernelMemory().buffer, largestAt, 2 * count)
    for (let b = 0; b < count; b++) if (found[2 * b + 1] !== 0) return undefined
    return found
  }
}

const ternary =
  (layout: Ternary, scaleAt: number): (() => PieceEncoder) =>
  () => {
    const { size, blockBytes } = layout
    const largest = findLargest(size)
    const run = compileKernel(ternaryKernel(layout))
    return ({ blocks, count }) => {
      const found = largest(count)
      const inverses = new Float32Array(kernelMemory().buffer, inversesAt, count)
      for (let b = 0; b < count; b++) {
        const d = found ? found[2 * b]! : 0
        inverses[b] = d && fround(1 / d)
        putF16(blocks, b * blockBytes + scaleAt, d)
      }
      if (!found || inverses.includes(Number.POSITIVE_INFINITY)) return false
      run(places.values, places.values + 4 * size * count, inversesAt, places.codes)
      return true
    }
  }

/** Values whose scale, or its inverse, is no ordinary number are left to plain code. */
function mxfp4(): PieceEncoder {
  const largest = findLargest(32)
  const run = compileKernel(mxfp4Kernel())
  return ({ blocks, count }) => {
    const found = largest(count)
    if (!found) return false
    const inverses = new Float32Array(kernelMemory().buffer, inversesAt, count)
    for (let b = 0; b < count; b++) {
      const e = e8m0Of(found[2 * b]!)
      if (found[2 * b]! > 0 && (e < 4 || e > 252)) return false
      blocks[17 * b] = e
      inverses[b] = found[2 * b]! > 0 ? 2 / e8m0Half(e) : 0
    }
    run(places.values, places.values + 128 * count, inversesAt, places.codes)
    return true
  }
}

/** Values that are far from all levels, and what has no scale, are left to plain code. */
function nvfp4(): PieceEncoder {
  const largest = findLargest(16)
  const run = compileKernel(nvfp4Kernel())
  return ({ blocks, count }) => {
    const found = largest(4 * count)
    if (!found) return false
    const scales = new Float32Array(kernelMemory().buffer, inversesAt, 4 * count)
    for (let s = 0; s < 4 * count; s++) {
      const amax = found[2 * s]!
      const e = ue4m3Of(fround(amax / 6))
      blocks[36 * (s >> 2) + (s & 3)] = e
      scales[s] = ue4m3Half(e)
      if (amax > 0 && !isNear(amax, scales[s]!)) return false
    }
    run(places.values, places.values + 256 * count, inversesAt, places.codes)
    return true
  }
}

function signs(): PieceEncoder {
  const run = compileKernel(signsKernel())
  const sum = compileKernel(sumsKernel())
  return ({ blocks, count }) => {
    sum(places.values, places.values + 512 * count, largestAt)
    run(places.values, places.values + 512 * count, places.codes)
    const sums = new Float32Array(kernelMemory().buffer, largestAt, count)
    for (let b = 0; b < count; b++) putF16(blocks, 18 * b, fround(sums[b]! / 128))
    return true
  }
}

export const levelEncoders: Readonly<Record<'TQ1_0' | 'TQ2_0' | 'Q1_0' | 'Q2_0' | 'MXFP4' | 'NVFP4', EncodeRows>> = {
  TQ1_0: inPieces(256, 54, encodeTQ1_0, ternary({ size: 256, blockBytes: 54, pack: packTQ1_0 }, 52)),
  TQ2_0: inPieces(256, 66, encodeTQ2_0, ternary({ size: 256, blockBytes: 66, pack: packTQ2_0 }, 64)),
  Q1_0: inPieces(128, 18, encodeQ1_0, signs),
  Q2_0: inPieces(64, 18, encodeQ2_0, ternary({ size: 64, blockBytes: 18, pack: packQ2_0 }, 0)),
  MXFP4: inPieces(32, 17, encodeMXFP4, mxfp4),
  NVFP4: inPieces(64, 36, encodeNVFP4, nvfp4),
}
