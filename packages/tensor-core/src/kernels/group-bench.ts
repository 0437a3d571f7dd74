import { groupKernels } from './group-simd.ts'

/** Values that a bench holds: 64 kB of floats stay in the cache while several kernels pass over them. */
export const BENCH_VALUES: number = 2 ** 14
/** Groups of a bench are multiples of this. */
const STEP = 16

/**
 * One piece of a matrix on its way through the kernels of `group-simd.ts`: whole groups of one length, the first `count` values
 * of the arrays. One for the whole thread: nothing on it outlives a call of its user.
 */
export interface GroupBench {
  readonly values: Float32Array
  readonly codes: Uint8Array
  /** One of each a group. */
  readonly scales: Float32Array
  readonly zeros: Float32Array
  readonly offsets: Float32Array
  readonly lows: Float32Array
  readonly highs: Float32Array
  /** Values → lows, highs. */
  ranges(count: number, group: number): void
  /** Values, scales, zeros → codes 0 … `max`. */
  round(count: number, group: number, max: number): void
  /** Codes, scales, zeros, offsets → values. */
  expand(count: number, group: number): void
  /** Σ(a − b)², Σa², and how many of b are zero: of two arrays of one length, at most `BENCH_VALUES`. */
  compare(a: Float32Array, b: Float32Array): { readonly error: number; readonly total: number; readonly zeros: number }
  /** bf16 or f16 bits to f32, as many as there are. `out` may hold the bits in its upper half. */
  widen(halves: Uint16Array, out: Float32Array, kind: 'bf16' | 'f16'): void
  /** f32 to bf16 or f16 bits, as many as there are. */
  narrow(values: Float32Array, out: Uint16Array, kind: 'bf16' | 'f16'): void
}

/** Whether rows of `cols` values in groups of this length can go over a bench. */
export const suitsBench = (cols: number, group: number): boolean =>
  group % STEP === 0 && cols % group === 0 && cols <= BENCH_VALUES

let bench: GroupBench | undefined

export const groupBench = (): GroupBench => (bench ??= makeBench())

function makeBench(): GroupBench {
  const groups = BENCH_VALUES / STEP
  const sizes = { values: 4 * BENCH_VALUES, others: 4 * BENCH_VALUES, codes: BENCH_VALUES, small: 4 * groups }
  const { kernels, buffer } = groupKernels(sizes.values + sizes.others + sizes.codes + 5 * sizes.small + 64)
  let at = 0
  const floats = (count: number) => {
    const array = new Float32Array(buffer, at, count)
    at += array.byteLength
    return array
  }
  const values = floats(BENCH_VALUES)
  const others = floats(BENCH_VALUES)
  const [scales, zeros, offsets, lows, highs] = [0, 1, 2, 3, 4].map(() => floats(groups)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const sums = new Float64Array(buffer, at, 4)
  const zeroCounts = new Int32Array(buffer, at + 32, 4)
  const limit = new Uint8Array(buffer, at + 48, 16)
  const codes = new Uint8Array(buffer, at + 64, BENCH_VALUES)
  const halves = new Uint16Array(buffer, others.byteOffset, BENCH_VALUES)
  /** To the end of the last eight. */
  const eights = (count: number, bytes: number) => Math.ceil(count / 8) * 8 * bytes
  const start = values.byteOffset
  return {
    values,
    codes,
    scales,
    zeros,
    offsets,
    lows,
    highs,
    ranges: (count, group) => kernels.ranges(start, start + 4 * count, 4 * group, lows.byteOffset, highs.byteOffset),
    round(count, group, max) {
      limit.fill(max)
      const [scale, zero] = [scales.byteOffset, zeros.byteOffset]
      kernels.round(start, start + 4 * count, 4 * group, scale, zero, limit.byteOffset, codes.byteOffset)
    },
    expand(count, group) {
      const from = codes.byteOffset
      const [scale, zero, offset] = [scales.byteOffset, zeros.byteOffset, offsets.byteOffset]
      kernels.expand(from, from + count, group, scale, zero, offset, start)
    },
    widen(source, out, kind) {
      const run = kind === 'f16' ? kernels.widenHalves : kernels.widen
      for (let done = 0; done < source.length; done += BENCH_VALUES) {
        const count = Math.min(BENCH_VALUES, source.length - done)
        halves.set(source.subarray(done, done + count))
        run(halves.byteOffset, halves.byteOffset + eights(count, 2), start)
        out.set(values.subarray(0, count), done)
      }
    },
    narrow(source, out, kind) {
      const run = kind === 'f16' ? kernels.narrowHalves : kernels.narrow
      for (let done = 0; done < source.length; done += BENCH_VALUES) {
        const count = Math.min(BENCH_VALUES, source.length - done)
        values.set(source.subarray(done, done + count))
        run(start, start + eights(count, 4), halves.byteOffset)
        out.set(halves.subarray(0, count), done)
      }
    },
    compare(a, b) {
      others.set(a)
      values.set(b)
      // The last vector is filled up with pairs that add nothing.
      const filled = Math.ceil(a.length / 4) * 4
      others.fill(0, a.length, filled)
      values.fill(0, a.length, filled)
      const from = others.byteOffset
      kernels.compare(from, from + 4 * filled, start, sums.byteOffset)
      const zeros = zeroCounts.reduce((sum, lane) => sum + lane, a.length - filled)
      return { error: sums[0]! + sums[1]!, total: sums[2]! + sums[3]!, zeros }
    },
  }
}
