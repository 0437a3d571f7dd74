import { type KernelRef, kernelRef, type RowKernel } from '@sinter/tensor-core'
import { encodedBytes, encodingNamed } from './encodings.ts'

export interface EncodeArgs {
  /** Encodings by name: rows come in the one and leave in the other. */
  readonly from: string
  readonly to: string
  readonly width: number
  /** `rows` of `width`, one after the other; shared between threads, as `out` is. */
  readonly source: Uint8Array
  readonly out: Uint8Array
  readonly importance?: Float32Array | undefined
}

export const encodeKernel: KernelRef = kernelRef(import.meta.url, './encode-rows', 'encodeRows')

/** Values between the two encodings: they stay in the cache. */
const PIECE = 2 ** 15

let values = new Float32Array(PIECE)

/** Rows `start … end` from one encoding to another. */
export const encodeRows: RowKernel<EncodeArgs, void> = (args, start, end) => {
  const { width, source, out, importance } = args
  const from = encodingNamed(args.from)
  const to = encodingNamed(args.to)
  const sourceRow = encodedBytes(from, width)
  const outRow = encodedBytes(to, width)
  const step = Math.max(1, Math.floor(PIECE / width))
  if (values.length < step * width) values = new Float32Array(step * width)
  for (let row = start; row < end; row += step) {
    const stop = Math.min(end, row + step)
    const floats = values.subarray(0, (stop - row) * width)
    from.decode(source.subarray(row * sourceRow, stop * sourceRow), floats)
    to.encode!(floats, out.subarray(row * outRow, stop * outRow), width, importance)
  }
}
