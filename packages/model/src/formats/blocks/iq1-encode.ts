/**
 * Encoders of IQ1_S and IQ1_M: blocks of 256 values, each low, middle or high, in groups of 8 that are points of a codebook. A sub-block
 * of 32 (IQ1_S) or 16 values has a scale, and all its levels (in IQ1_M those of each half) are moved up or down by an eighth.
 */
import { f16Bits } from '@sinter/tensor-core'
import { simdKernels } from '@sinter/tensor-core/wasm'
import { putF16 } from '../half.ts'
import { type Grid, gridIQ1 } from './iq-grids.ts'
import { findNeighbours } from './iq-neighbours.ts'
import { pointsKernel } from './iq-nearest-kernel.ts'
import { pointBytes, putTables, searchPlaces } from './iq-search-memory.ts'
import { energyOf } from './iq-signs.ts'
import { ranksKernel, splitOf, splits16Kernel, splits32Kernel } from './iq1-kernel.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { abs, fround, sqrt } = Math

/** What a level 0, 1, 2 is moved by to be what it stands for: up, or down. */
const shifts = [-0.875, -1.125] as const

interface Variant {
  readonly size: 16 | 32
  /** Parts of a sub-block that are moved by themselves. */
  readonly halves: 1 | 2
  readonly blockBytes: number
  /** Sub-blocks that have only smaller values get scale 0. */
  readonly least: number
  readonly put: (work: Work, values: Float32Array, from: number, out: Uint8Array, at: number) => void
}

interface Work {
  readonly variant: Variant
  readonly grid: Grid
  /** Four sub-blocks in lanes. */
  readonly lanes: Lanes
  /** Of 256 values: weights, and what was found. */
  readonly weights: Float32Array
  readonly indices: Uint16Array
  readonly scales: Float32Array
  /** Which shift each half of a sub-block has. */
  readonly moved: Uint8Array
}

interface Lanes {
  readonly values: Float32Array
  readonly weights: Float32Array
  /** [4] */
  readonly scale: Float32Array
  /** Of groups: addresses of lists, then of points, and what their levels are moved by. [groups, 4] */
  readonly slots: Int32Array
  readonly shifts: Float32Array
  readonly sums: Float32Array
  readonly split: Int32Array
  readonly splitScale: Float32Array
  /** Address of a cell's point or list; what is at least `lists` is a list. */
  readonly cells: Int32Array
  readonly lists: number
  readonly ranks: Int32Array
  readonly kernels: { ranks(): void; splits(): void; points(): void }
}

type Encode = (values: Float32Array, out: Uint8Array, width: number, importance?: Float32Array) => void

function encoder(variant: Variant): Encode {
  let work: Work | undefined
  return (values, out, width, importance) => {
    work ??= newWork(variant)
    for (let from = 0, at = 0; from < values.length; from += 256, at += variant.blockBytes) {
      weigh(work, values, from, importance?.subarray(from % width))
      for (let b = 0; b < 256 / variant.size; b += 4) encodeFour(work, values, from, b)
      out.fill(0, at, at + variant.blockBytes)
      variant.put(work, values, from, out, at)
    }
  }
}

function newWork(variant: Variant): Work {
  const { size } = variant
  const grid = gridIQ1()
  const neighbours = findNeighbours(grid, 3)
  const places = searchPlaces(grid, neighbours, size, 0)
  const arrays = size === 32 ? 6 : 12
  const sumBytes = 16 * (size + 1) * arrays
  const at = { sums: places.bytes, scale: places.bytes + sumBytes, split: places.bytes + sumBytes + 16 }
  const open = simdKernels<Lanes['kernels']>(() => ({
    ranks: ranksKernel(size, places.magnitudes, places.weights),
    splits: size === 32 ? splits32Kernel(at) : splits16Kernel(at),
    points: pointsKernel(places),
  }))
  const { kernels, memory } = open(at.split + 16)
  putTables(grid, neighbours, places, new DataView(memory.buffer), level => level)
  const floats = (from: number, count: number): Float32Array => new Float32Array(memory.buffer, from, count)
  const lanes: Lanes = {
    values: floats(places.magnitudes, 4 * size),
    weights: floats(places.roots, 4 * size),
    ranks: new Int32Array(memory.buffer, places.weights, 4 * size),
    scale: floats(places.trialScale, 4),
    slots: new Int32Array(memory.buffer, places.kept, size / 2),
    shifts: floats(places.tried, size / 2),
    sums: floats(at.sums, sumBytes / 4),
    split: new Int32Array(memory.buffer, at.split, 4),
    splitScale: floats(at.scale, 4),
    cells: new Int32Array(memory.buffer, places.cells, neighbours.point.length),
    lists: places.lists,
    kernels,
  }
  return {
    ...{ variant, grid, lanes },
    weights: new Float32Array(256),
    indices: new Uint16Array(32),
    scales: new Float32Array(256 / size),
    moved: new Uint8Array((256 / size) * variant.halves),
  }
}

/** importance · √(2·mean square + v²); v² where there is no importance. */
function weigh({ weights }: Work, values: Float32Array, from: number, importance: Float32Array | undefined): void {
  const energy = importance ? fround(energyOf(values, from) / 128) : 0
  for (let i = 0; i < 256; i++) {
    const square = fround(values[from + i]! * values[from + i]!)
    weights[i] = importance ? fround(importance[i]! * fround(sqrt(fround(energy + square)))) : square
  }
}

const order = new Uint8Array(4 * 32)
const levels = new Uint8Array(32)

function encodeFour(work: Work, values: Float32Array, from: number, b: number): void {
  const { variant, lanes, weights } = work
  const { size } = variant
  for (let lane = 0; lane < 4; lane++) {
    const first = (b + lane) * size
    for (let i = 0, p = lane; i < size; i++, p += 4) {
      lanes.values[p] = values[from + first + i]!
      lanes.weights[p] = weights[first + i]!
    }
  }
  lanes.kernels.ranks()
  for (let lane = 0; lane < 4; lane++) {
    sortLane(lanes.ranks, size, lane)
    addUp(variant, lanes, lane)
  }
  lanes.kernels.splits()
  for (let lane = 0; lane < 4; lane++) takeSplit(work, b + lane, lane)
  lanes.kernels.points()
  for (let lane = 0; lane < 4; lane++) takePoints(work, b + lane, lane)
}

/** From ranks to the indices that have them. */
function sortLane(ranks: Int32Array, size: number, lane: number): void {
  for (let i = 0; i < size; i++) order[32 * lane + ranks[4 * i + lane]!] = i
}

/** Sums over the first sorted values, of weight · value and of weight, of each half by itself. */
function addUp({ size, halves }: Variant, { values, weights, sums }: Lanes, lane: number): void {
  const stride = 4 * (size + 1)
  for (let a = 0; a < 2 * halves; a++) sums[a * stride + lane] = 0
  for (let i = 0; i < size; i++) {
    const index = order[lane * 32 + i]!
    const p = 4 * index + lane
    const half = halves === 2 && index >= 8 ? 1 : 0
    for (let h = 0; h < halves; h++) {
      const product = h * stride + 4 * i + lane
      const weight = product + halves * stride
      sums[product + 4] = h === half ? fround(sums[product]! + fround(weights[p]! * values[p]!)) : sums[product]!
      sums[weight + 4] = h === half ? fround(sums[weight]! + weights[p]!) : sums[weight]!
    }
  }
}

/** From the best bounds of a lane to its levels, its scale, and the cells of its groups; a negative scale turns all about. */
function takeSplit(work: Work, b: number, lane: number): void {
  const { variant, lanes, scales, moved } = work
  const { size, halves } = variant
  const groups = size / 8
  const none = lanes.split[lane]! < 0 || largest(lanes.values, size, lane) < variant.least
  scales[b] = 0
  moved.fill(0, b * halves, (b + 1) * halves)
  for (let k = 0; k < groups; k++) lanes.slots[4 * k + lane] = 0
  fits[lane] = 0
  if (none) return
  const { i: low, j: high, kind } = splitOf(lanes.split[lane]!)
  const scale = lanes.splitScale[lane]!
  const turned = scale < 0
  for (let i = 0; i < size; i++) {
    const level = i < low ? 0 : i < high ? 1 : 2
    levels[order[lane * 32 + i]!] = turned ? 2 - level : level
  }
  const kinds = turned ? 2 ** halves - 1 - kind : kind
  for (let h = 0; h < halves; h++) moved[b * halves + h] = (kinds >> (halves - 1 - h)) & 1
  scales[b] = abs(scale)
  lanes.scale[lane] = abs(scale)
  for (let k = 0; k < groups; k++) {
    lanes.slots[4 * k + lane] = lanes.cells[cellOf(8 * k)]!
    lanes.shifts[4 * k + lane] = shiftOf(work, b, k)
  }
  fits[lane] = lanes.slots.some((slot, i) => i % 4 === lane && slot >= lanes.lists) ? 1 : 0
}

/** Whether the scale of a lane has to be fitted to points that are not what the split gave. */
const fits = new Uint8Array(4)

/** Of group k of sub-block b. IQ1_M has a group in each half. */
const shiftOf = ({ variant, moved }: Work, b: number, k: number): number =>
  shifts[moved[variant.halves === 2 ? 2 * b + k : b]!]!

function largest(values: Float32Array, size: number, lane: number): number {
  let most = 0
  for (let i = 0; i < size; i++) most = Math.max(most, abs(values[4 * i + lane]!))
  return most
}

function cellOf(from: number): number {
  let cell = 0
  for (let i = 7; i >= 0; i--) cell = 3 * cell + levels[from + i]!
  return cell
}

function takePoints(work: Work, b: number, lane: number): void {
  const { variant, lanes, indices, scales, grid } = work
  const groups = variant.size / 8
  for (let k = 0; k < groups; k++) {
    const index = lanes.slots[4 * k + lane]! / pointBytes
    if (index === grid.cells.length) throw notFinite()
    indices[b * groups + k] = index
  }
  if (fits[lane]) {
    const [product, square] = leastSquares(work, lanes.values, lane, 4, b, 1)
    if (product > 0 && square > 0) scales[b] = fround(product / square)
  }
  if (!(scales[b]! < Number.POSITIVE_INFINITY)) throw notFinite()
}

const sums = [0, 0]

/** Σ w·q·x and Σ w·q² of a sub-block, continued in `sums`; its values lie `step` apart from `at` on. */
function addSquares(work: Work, values: Float32Array, at: number, step: number, b: number, multiple: number): void {
  const { variant, grid, weights, indices } = work
  const { size } = variant
  let [product, square] = sums as [number, number]
  for (let i = 0, p = at; i < size; i++, p += step) {
    const k = i >> 3
    const level = grid.levels[indices[(b * size) / 8 + k]! * 8 + (i & 7)]!
    const q = fround((level + shiftOf(work, b, k)) * multiple)
    const weighted = fround(weights[b * size + i]! * q)
    product = fround(product + fround(weighted * values[p]!))
    square = fround(square + fround(weighted * q))
  }
  sums[0] = product
  sums[1] = square
}

function leastSquares(
  work: Work,
  values: Float32Array,
  at: number,
  step: number,
  b: number,
  multiple: number,
): readonly [number, number] {
  sums.fill(0)
  addSquares(work, values, at, step, b, multiple)
  return sums as unknown as [number, number]
}

const codeOf = (id: number, scale: number): number => clamp(nearestInt(fround(0.5 * fround(fround(id * scale) - 1))), 0, 7)

const largestScale = ({ scales }: Work): number => scales.reduce((most, scale) => (most > scale ? most : scale), 0)

function putIQ1_S(work: Work, _values: Float32Array, _from: number, out: Uint8Array, at: number): void {
  const { indices, scales, moved } = work
  const d = fround(largestScale(work) / 15)
  const id = fround(1 / d)
  if (d) putF16(out, at, fround(d * 1.125))
  for (let b = 0; b < 8; b++) {
    let word = d ? (codeOf(id, scales[b]!) | (moved[b]! << 3)) << 12 : 0
    for (let k = 0; k < 4; k++) {
      out[at + 2 + 4 * b + k] = indices[4 * b + k]!
      word |= (indices[4 * b + k]! >> 8) << (3 * k)
    }
    out[at + 34 + 2 * b] = word
    out[at + 35 + 2 * b] = word >> 8
  }
}

/** The scale of all is fitted once more, to what is stored. */
function putIQ1_M(work: Work, values: Float32Array, from: number, out: Uint8Array, at: number): void {
  const { indices, scales, moved } = work
  let d = fround(largestScale(work) / 15)
  const id = fround(1 / d)
  const words = [0, 0, 0, 0]
  sums.fill(0)
  for (let b = 0; b < 16; b++) {
    for (let k = 0; k < 2; k++) {
      const index = indices[2 * b + k]!
      out[at + 2 * b + k] = index
      out[at + 32 + b]! |= ((index >> 8) | (d ? moved[2 * b + k]! << 3 : 0)) << (4 * k)
    }
    if (!d) continue
    const code = codeOf(id, scales[b]!)
    words[b >> 2]! |= code << (3 * (b & 3))
    addSquares(work, values, from + 16 * b, 1, b, 2 * code + 1)
  }
  if (!d) return
  if (sums[1]! > 0) d = fround(sums[0]! / sums[1]!)
  const bits = f16Bits(fround(d * fround(1.1125)))
  words.forEach((word, i) => {
    const full = word | (((bits >> (4 * i)) & 15) << 12)
    out[at + 48 + 2 * i] = full
    out[at + 49 + 2 * i] = full >> 8
  })
}

const notFinite = (): RangeError =>
  new RangeError(
    'expected values, importances and their squares to be finite 32-bit floats; check the tensor for NaN and infinity',
  )

export const encodeIQ1_S: Encode = encoder({ size: 32, halves: 1, blockBytes: 50, least: fround(1e-12), put: putIQ1_S })
export const encodeIQ1_M: Encode = encoder({ size: 16, halves: 2, blockBytes: 56, least: fround(1e-7), put: putIQ1_M })
