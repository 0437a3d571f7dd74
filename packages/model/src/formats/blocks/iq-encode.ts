/** Encoders of IQ2_* and IQ3_*: blocks of 256 values in sub-blocks of one scale each. */
import { putF16 } from '../half.ts'
import { type Grid, gridIQ2_S, gridIQ2_XS, gridIQ2_XXS, gridIQ3_S, gridIQ3_XXS } from './iq-grids.ts'
import { findNeighbours } from './iq-neighbours.ts'
import { fitScale } from './iq-scale-fit.ts'
import {
  type Block,
  type Codebook,
  energy,
  newBlock,
  notFinite,
  refine,
  takeSigns,
  tryScales,
  weightOf,
} from './iq-search.ts'
import { clamp, nearestInt } from './nearest-int.ts'

const { fround, sqrt } = Math

/** What the encodings differ in. */
interface Variant {
  readonly grid: () => Grid
  /** How many distances the neighbours of a cell take in. */
  readonly distances: number
  readonly blockBytes: number
  /** Values of one scale. */
  readonly size: 16 | 32
  /** The signs of eight values take seven bits. */
  readonly evenSigns: boolean
  /** Largest level of a magnitude, 2·base - 1, and the steps by which it is tried lower and higher. */
  readonly steps: number
  readonly step: number
  /** Sub-blocks whose magnitudes all lie below get scale 0. */
  readonly least: number
  /** Times the mean square: what is added to v² under the root of a weight. */
  readonly energy: 1 | 2
  /** Weight of a value where there is no importance; absent where there must be one. */
  readonly weight?: (energy: number, v: number) => number
  /** Starts from a fit of its own, and rounds at the best scale once more; else only groups that were off the grid, or all if one was. */
  readonly refines: 'always' | 'off-grid' | 'all'
  /** What the stored scale is larger by. */
  readonly fudge: number
  /** Whether indices and signs are stored where all scales are zero. */
  readonly keepsZeros: boolean
  readonly put: (found: Found, out: Uint8Array, at: number) => void
}

/** Of 256 values. */
interface Found {
  readonly indices: Uint16Array
  /** One byte for eight values. */
  readonly signs: Uint8Array
  readonly scales: Float32Array
  /** Whether all of a sub-block is zero. */
  readonly empty: Uint8Array
  /** 0 … 15 */
  readonly codes: Uint8Array
}

type Encode = (values: Float32Array, out: Uint8Array, width: number, importance?: Float32Array) => void

function encoder(variant: Variant): Encode {
  let codebook: Codebook | undefined
  return (values, out, width, importance) => {
    codebook ??= { grid: variant.grid(), neighbours: findNeighbours(variant.grid(), variant.distances) }
    const search = newSearch(variant, codebook)
    for (let from = 0, at = 0; from < values.length; from += 256, at += variant.blockBytes)
      encodeSuper(search, values, from, importance?.subarray(from % width, (from % width) + 256), out, at)
  }
}

interface Search {
  readonly variant: Variant
  readonly codebook: Codebook
  readonly numerators: Float32Array
  readonly block: Block
  readonly trial: Block
  readonly found: Found
}

function newSearch(variant: Variant, codebook: Codebook): Search {
  const { steps, size } = variant
  const { base, dim } = codebook.grid
  const numerators = Float32Array.from({ length: 2 * steps + 1 }, (_, i) =>
    fround(2 * base - 1 + fround((i - steps) * fround(variant.step))),
  )
  const found: Found = {
    indices: new Uint16Array(256 / dim),
    signs: new Uint8Array(32),
    scales: new Float32Array(256 / size),
    empty: new Uint8Array(256 / size),
    codes: new Uint8Array(256 / size),
  }
  return { variant, codebook, numerators, block: newBlock(size, dim), trial: newBlock(size, dim), found }
}

function encodeSuper(
  search: Search,
  values: Float32Array,
  from: number,
  importance: Float32Array | undefined,
  out: Uint8Array,
  at: number,
): void {
  const { variant, found } = search
  const mean = fround((variant.energy / 256) * energy(values, from))
  found.indices.fill(0)
  found.signs.fill(0)
  found.codes.fill(0)
  for (let b = 0; b < found.scales.length; b++) {
    const start = from + b * variant.size
    weigh(search, values, start, mean, importance?.subarray(b * variant.size))
    found.scales[b] = encodeBlock(search, values, start, b)
  }
  out.fill(0, at, at + variant.blockBytes)
  const d = fround(found.scales.reduce((most, scale) => (most > scale ? most : scale), 0) / 31)
  if (d === 0 && !variant.keepsZeros) return
  if (d !== 0) {
    const id = fround(1 / d)
    putF16(out, at, fround(d * fround(variant.fudge)))
    for (let b = 0; b < found.scales.length; b++)
      found.codes[b] = clamp(nearestInt(fround(0.5 * fround(fround(id * found.scales[b]!) - 1))), 0, 15)
  }
  variant.put(found, out, at)
}

function weigh(
  { variant, block }: Search,
  values: Float32Array,
  from: number,
  mean: number,
  importance: Float32Array | undefined,
): void {
  for (let i = 0; i < variant.size; i++) {
    const v = values[from + i]!
    block.weights[i] = importance ? weightOf(importance[i]!, mean, v) : variant.weight!(mean, v)
    block.roots[i] = sqrt(block.weights[i]!)
  }
}

/** Leaves indices and signs of sub-block `b`; returns its scale. */
function encodeBlock(search: Search, values: Float32Array, from: number, b: number): number {
  const { variant, block, found } = search
  const { size } = variant
  const signs = found.signs.subarray((b * size) / 8, ((b + 1) * size) / 8)
  for (let k = 0; k < size / 8; k++) signs[k] = takeSigns(values, from + 8 * k, block, 8 * k, variant.evenSigns)
  const largest = block.magnitudes.reduce((most, x) => (most > x ? most : x))
  const scale = findScale(search, largest)
  found.empty[b] = scale === undefined ? 1 : 0
  if (scale === undefined) {
    signs.fill(0)
    return 0
  }
  if (!(Math.abs(scale) < Number.POSITIVE_INFINITY)) throw notFinite()
  // The stored scale has no sign.
  if (scale < 0) for (let k = 0; k < signs.length; k++) signs[k] = ~signs[k]!
  found.indices.set(block.points, (b * size) / (variant.grid().dim))
  return Math.abs(scale)
}

/** Leaves the points of the block; nothing where all is zero. */
function findScale({ variant, codebook, numerators, block, trial }: Search, largest: number): number | undefined {
  if (largest < variant.least || !largest) return undefined
  block.points.fill(0)
  block.onGrid.fill(variant.refines === 'off-grid' ? 1 : 0)
  const { base } = codebook.grid
  const top = variant.refines === 'always' ? fround(fitScale(block) * base) : largest
  if (top <= 0) return undefined
  const start = variant.refines === 'always' ? fround(top / base) : fround(largest / (2 * base - 1))
  const scale = tryScales(codebook, block, trial, numerators, top, start)
  const off = variant.refines === 'always' || block.onGrid.includes(0)
  return off && scale > 0 ? refine(codebook, block, scale, variant.refines !== 'off-grid') : scale
}

const putNibbles = (codes: Uint8Array, out: Uint8Array, at: number): void => {
  for (let i = 0; i < codes.length; i += 2) out[at + (i >> 1)] = codes[i]! | (codes[i + 1]! << 4)
}

/** Four times seven signs, and a scale's code above them. */
function putSignsAndCode(signs: Uint8Array, from: number, code: number, out: Uint8Array, at: number): void {
  let word = code << 28
  for (let k = 0; k < 4; k++) word |= (signs[from + k]! & 127) << (7 * k)
  for (let i = 0; i < 4; i++) out[at + i] = word >>> (8 * i)
}

function putIQ2_XXS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let b = 0; b < 8; b++) {
    out.set(indices.subarray(4 * b, 4 * b + 4), at + 2 + 8 * b)
    putSignsAndCode(signs, 4 * b, codes[b]!, out, at + 6 + 8 * b)
  }
}

function putIQ2_XS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let k = 0; k < 32; k++) {
    const word = indices[k]! | ((signs[k]! & 127) << 9)
    out[at + 2 + 2 * k] = word
    out[at + 3 + 2 * k] = word >> 8
  }
  putNibbles(codes, out, at + 66)
}

function putIQ2_S({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let k = 0; k < 32; k++) {
    out[at + 2 + k] = indices[k]!
    out[at + 66 + (k >> 2)]! |= (indices[k]! >> 8) << (2 * (k & 3))
  }
  out.set(signs, at + 34)
  putNibbles(codes, out, at + 74)
}

function putIQ3_XXS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  out.set(indices, at + 2)
  for (let b = 0; b < 8; b++) putSignsAndCode(signs, 4 * b, codes[b]!, out, at + 66 + 4 * b)
}

/** ggml leaves no room for the indices and signs of empty sub-blocks, so that what follows one lies where its own should. */
function putIQ3_S({ indices, signs, empty, codes }: Found, out: Uint8Array, at: number): void {
  for (let b = 0, place = 0; b < 8; b++) {
    if (empty[b]) continue
    for (let k = 0; k < 8; k++) {
      out[at + 2 + 8 * place + k] = indices[8 * b + k]!
      out[at + 66 + b]! |= (indices[8 * b + k]! >> 8) << k
    }
    out.set(signs.subarray(4 * b, 4 * b + 4), at + 74 + 4 * place)
    place++
  }
  putNibbles(codes, out, at + 106)
}

const squareOf = (_: number, v: number): number => fround(v * v)

export const encodeIQ2_XXS: Encode = encoder({
  grid: gridIQ2_XXS,
  distances: 2,
  blockBytes: 66,
  size: 32,
  evenSigns: true,
  steps: 6,
  step: 0.1,
  least: fround(1e-15),
  energy: 1,
  refines: 'always',
  fudge: 1,
  keepsZeros: false,
  put: putIQ2_XXS,
})

export const encodeIQ2_XS: Encode = encoder({
  grid: gridIQ2_XS,
  distances: 2,
  blockBytes: 74,
  size: 16,
  evenSigns: true,
  steps: 9,
  step: 0.1,
  least: fround(1e-15),
  energy: 1,
  refines: 'off-grid',
  fudge: 1,
  keepsZeros: false,
  put: putIQ2_XS,
})

export const encodeIQ2_S: Encode = encoder({
  grid: gridIQ2_S,
  distances: 1,
  blockBytes: 82,
  size: 16,
  evenSigns: false,
  steps: 9,
  step: 0.1,
  least: fround(1e-8),
  energy: 2,
  weight: (energy, v) => fround(fround(0.25 * energy) + fround(v * v)),
  refines: 'off-grid',
  fudge: 0.9875,
  keepsZeros: true,
  put: putIQ2_S,
})

export const encodeIQ3_XXS: Encode = encoder({
  grid: gridIQ3_XXS,
  distances: 2,
  blockBytes: 98,
  size: 32,
  evenSigns: true,
  steps: 15,
  step: 0.2,
  least: fround(1e-8),
  energy: 2,
  weight: squareOf,
  refines: 'off-grid',
  fudge: 1.0125,
  keepsZeros: false,
  put: putIQ3_XXS,
})

export const encodeIQ3_S: Encode = encoder({
  grid: gridIQ3_S,
  distances: 3,
  blockBytes: 110,
  size: 32,
  evenSigns: false,
  steps: 9,
  step: 0.2,
  least: 0,
  energy: 2,
  weight: squareOf,
  refines: 'all',
  fudge: 1.033,
  keepsZeros: true,
  put: putIQ3_S,
})
