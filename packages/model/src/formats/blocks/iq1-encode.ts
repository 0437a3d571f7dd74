/**
 * Encoders of IQ1_S and IQ1_M: blocks of 256 values, each low, middle or high, in groups of 8 that are points of a codebook. A sub-block
 * of 32 (IQ1_S) or 16 values has a scale, and all its levels (in IQ1_M those of each half) are moved up or down by an eighth.
 */
import type { EncodeRows } from '../encodings.ts'
import { pointBytes } from './iq-search-memory.ts'
import { energyOf } from './iq-signs.ts'
import { splitOf } from './iq1-kernel.ts'
import { type Lanes, newWork, type Variant, type Work } from './iq1-memory.ts'
import { putIQ1_M, putIQ1_S } from './iq1-pack.ts'
import { leastSquares, shiftOf } from './iq1-squares.ts'
import { notFinite } from './not-finite.ts'

const { abs, fround, sqrt } = Math

function encoder(variant: Variant): EncodeRows {
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

/** importance · √(2·mean square + v²); v² where there is no importance. */
function weigh({ weights }: Work, values: Float32Array, from: number, importance: Float32Array | undefined): void {
  const energy = fround(fround(2 * energyOf(values, from)) / 256)
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
  for (let half = 0; half < halves; half++) {
    let product = 0
    let weight = 0
    let at = half * stride + lane
    sums[at] = 0
    sums[at + halves * stride] = 0
    for (let i = 0; i < size; i++) {
      const index = order[lane * 32 + i]!
      if (halves === 1 || index >> 3 === half) {
        const w = weights[4 * index + lane]!
        product = fround(product + fround(w * values[4 * index + lane]!))
        weight = fround(weight + w)
      }
      at += 4
      sums[at] = product
      sums[at + halves * stride] = weight
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
    const entry = lanes.cells[cellOf(8 * k)]!
    lanes.slots[4 * k + lane] = entry
    lanes.shifts[4 * k + lane] = shiftOf(work, b, k)
    if (entry >= lanes.lists) fits[lane] = 1
  }
}

/** Whether the scale of a lane has to be fitted to points that are not what the split gave. */
const fits = new Uint8Array(4)

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

export const encodeIQ1_S: EncodeRows = encoder({
  size: 32,
  halves: 1,
  blockBytes: 50,
  least: fround(1e-12),
  put: putIQ1_S,
})
export const encodeIQ1_M: EncodeRows = encoder({
  size: 16,
  halves: 2,
  blockBytes: 56,
  least: fround(1e-7),
  put: putIQ1_M,
})
