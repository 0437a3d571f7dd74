import { narrowHalvesKernel, widenHalvesKernel } from './half-lanes.ts'
import { simd } from './lanes.ts'
import { assemble, type Code, get, load, loopBelow, set, step, store, zero } from './wasm.ts'

/**
 * What is done to every weight of a model that is rounded in groups, in WebAssembly SIMD: 0.2 to 0.5 ns a value where the same
 * loops in TypeScript take 2 to 3, most of it branches that are guessed wrong. Results are those of the plain loops to the bit.
 * All addresses are bytes; a group is a multiple of 16 values.
 */
export interface GroupKernels {
  /** Least and largest of each group of f32 values, none of which is NaN. */
  ranges(values: number, end: number, groupBytes: number, lows: number, highs: number): void
  /** Codes = ⌊values / scale⌉ + zero, halves to even, clamped to 0 … the byte that `limit` repeats 16 times. */
  round(
    values: number,
    end: number,
    groupBytes: number,
    scales: number,
    zeros: number,
    limit: number,
    codes: number,
  ): void
  /** Values = (codes − zero) · scale + offset, rounded to f32 after each step; never −0 while offset is +0. `end`: of the codes. */
  expand(
    codes: number,
    end: number,
    group: number,
    scales: number,
    zeros: number,
    offsets: number,
    values: number,
  ): void
  /** Of two f32 arrays: Σ(a − b)² and Σa² in two f64 lanes each, then how many of b are zero in four i32 lanes. */
  compare(a: number, end: number, b: number, sums: number): void
  /** bf16 bits to f32, eight at a time. */
  widen(halves: number, end: number, values: number): void
  /** f32 to bf16 bits, halves to even, NaN made quiet, eight at a time. */
  narrow(values: number, end: number, halves: number): void
  /** f16 bits to f32, and back, likewise. */
  widenHalves(halves: number, end: number, values: number): void
  narrowHalves(values: number, end: number, halves: number): void
}

const divide = simd(0xe7)
const nearest = simd(0x6a)
const plus = simd(0xe4)
const minus = simd(0xe5)
const times = simd(0xe6)
/** One instruction, unlike `min` and `max`, which look after NaN. */
const least = simd(0xea)
const largest = simd(0xeb)
const isEqual = simd(0x41)
const isUnequal = simd(0x42)
const either = simd(0x50)
/** Bits of the first vector where the third has ones, else of the second. */
const chosen = simd(0x52)
const toInt = simd(0xf8)
const toFloat = simd(0xfa)
const toDouble = simd(0x5f)
const doublePlus = simd(0xf0)
const doubleMinus = simd(0xf1)
const doubleTimes = simd(0xf2)
const intMinus = simd(0xb1)
const intPlus = simd(0xae)
const both = simd(0x4e)
const shiftLeft = (bits: number): Code => [0x41, bits, simd(0xab)]
const shiftRight = (bits: number): Code => [0x41, bits, simd(0xad)]
const shortsOfInts = simd(0x85)
const halvesOfInts = simd(0x86)
const bytesOfShorts = simd(0x66)
const leastByte = simd(0x77)
const shorts = [simd(0x89), simd(0x8a)] as const
const ints = [simd(0xa9), simd(0xaa)] as const
/** Repeats the f32 at the address. */
const loadEach: Code = [0xfd, 0x09, 2, 0]
/** Stores the first f32 of a vector. */
const storeFirst: Code = [0xfd, 0x5a, 2, 0, 0]
/** The four lanes of one vector moved down by some bytes, round the corner. */
const turned = (local: number, bytes: number): Code => [
  get(local),
  get(local),
  0xfd,
  0x0d,
  ...Array.from({ length: 16 }, (_, i) => (i + bytes) % 16),
]
const sumTo = (target: number, a: number, b: number): Code => [get(a), get(b), 0x6a, set(target)]

function rangesKernel() {
  const [values, end, groupBytes, lows, highs, stop, low, high, next] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
  const narrowed = (local: number, choose: Code): Code =>
    [8, 4].map(bytes => [get(local), turned(local, bytes), choose, set(local)])
  const group: Code = [
    sumTo(stop, values, groupBytes),
    [get(values), load(0), set(low), get(low), set(high)],
    loopBelow(values, stop, [
      [get(values), load(0), set(next), get(low), get(next), least, set(low)],
      [get(high), get(next), largest, set(high)],
      step(values, 16),
    ]),
    [narrowed(low, least), get(lows), get(low), storeFirst, step(lows, 4)],
    [narrowed(high, largest), get(highs), get(high), storeFirst, step(highs, 4)],
  ]
  return { parameters: 5, integers: 1, vectors: 3, body: loopBelow(values, end, group) }
}

function roundKernel() {
  const [values, end, groupBytes, scales, zeros, limit, codes, stop, scale, middle, most] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ] as const
  const whole = (offset: number): Code => [
    [get(values), load(offset), get(scale), divide, nearest],
    [get(middle), plus, toInt],
  ]
  const sixteen: Code = [
    get(codes),
    [whole(0), whole(16), shortsOfInts, whole(32), whole(48), shortsOfInts, bytesOfShorts],
    [get(most), leastByte, store(0)],
    step(values, 64),
    step(codes, 16),
  ]
  const group: Code = [
    sumTo(stop, values, groupBytes),
    [get(scales), loadEach, set(scale), get(zeros), loadEach, set(middle)],
    loopBelow(values, stop, sixteen),
    step(scales, 4),
    step(zeros, 4),
  ]
  return {
    parameters: 7,
    integers: 1,
    vectors: 3,
    body: [get(limit), load(0), set(most), loopBelow(values, end, group)],
  }
}

function expandKernel() {
  const [codes, end, length, scales, zeros, offsets, values, stop, scale, middle, offset] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ] as const
  const four = (half: 0 | 1, quarter: 0 | 1): Code => [
    [get(values), get(codes), load(0), shorts[half], ints[quarter], toFloat],
    [get(middle), minus, get(scale), times, get(offset), plus, store(32 * half + 16 * quarter)],
  ]
  const group: Code = [
    sumTo(stop, codes, length),
    [get(scales), loadEach, set(scale), get(zeros), loadEach, set(middle), get(offsets), loadEach, set(offset)],
    loopBelow(codes, stop, [four(0, 0), four(0, 1), four(1, 0), four(1, 1), step(values, 64), step(codes, 16)]),
    [step(scales, 4), step(zeros, 4), step(offsets, 4)],
  ]
  return { parameters: 7, integers: 1, vectors: 3, body: loopBelow(codes, end, group) }
}

function compareKernel() {
  const [a, end, b, sums, zeros, left, right, x, change, first] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const
  // Two sums of each kind: an addition waits for the one before it.
  const pair = (half: 0 | 1): Code => {
    const [error, total] = [first + half, first + 2 + half]
    return [
      [half ? turned(left, 8) : get(left), toDouble, set(x)],
      [get(x), half ? turned(right, 8) : get(right), toDouble, doubleMinus, set(change)],
      [get(error), get(change), get(change), doubleTimes, doublePlus, set(error)],
      [get(total), get(x), get(x), doubleTimes, doublePlus, set(total)],
    ]
  }
  const four: Code = [
    [get(a), load(0), set(left), get(b), load(0), set(right)],
    [get(zeros), get(right), zero, isEqual, intMinus, set(zeros)],
    pair(0),
    pair(1),
    step(a, 16),
    step(b, 16),
  ]
  const body: Code = [
    [zeros, first, first + 1, first + 2, first + 3].map(sum => [zero, set(sum)]),
    loopBelow(a, end, four),
    [0, 1].map(i => [get(sums), get(first + 2 * i), get(first + 2 * i + 1), doublePlus, store(16 * i)]),
    [get(sums), get(zeros), store(32)],
  ]
  return { parameters: 4, integers: 0, vectors: 9, body }
}

const constant32 = (value: number): Code => [
  0xfd,
  0x0c,
  ...new Uint8Array(Uint32Array.of(value, value, value, value).buffer),
]

function widenKernel() {
  const [halves, end, values] = [0, 1, 2] as const
  const four = (half: 0 | 1): Code => [get(values), get(halves), load(0), ints[half], shiftLeft(16), store(16 * half)]
  const body = loopBelow(halves, end, [four(0), four(1), step(halves, 16), step(values, 32)])
  return { parameters: 3, integers: 0, vectors: 0, body }
}

function narrowKernel() {
  const [values, end, halves, bits, high, one, half, quiet] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const four = (offset: number): Code => [
    [get(values), load(offset), set(bits), get(bits), shiftRight(16), set(high)],
    [get(high), get(quiet), either],
    [get(high), get(one), both, get(bits), intPlus, get(half), intPlus, shiftRight(16)],
    [get(bits), get(bits), isUnequal, chosen],
  ]
  const body: Code = [
    [constant32(1), set(one), constant32(0x7fff), set(half), constant32(0x40), set(quiet)],
    loopBelow(values, end, [
      [get(halves), four(0), four(16), halvesOfInts, store(0)],
      step(values, 32),
      step(halves, 16),
    ]),
  ]
  return { parameters: 3, integers: 0, vectors: 5, body }
}

/** The kernels over a memory of their own of at least `bytes`. */
export function groupKernels(bytes: number): { readonly kernels: GroupKernels; readonly buffer: ArrayBuffer } {
  const code = {
    ranges: rangesKernel(),
    round: roundKernel(),
    expand: expandKernel(),
    compare: compareKernel(),
    widen: widenKernel(),
    narrow: narrowKernel(),
    widenHalves: widenHalvesKernel(),
    narrowHalves: narrowHalvesKernel(),
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(assemble(code)), { env: { memory } })
  return { kernels: instance.exports as unknown as GroupKernels, buffer: memory.buffer }
}
