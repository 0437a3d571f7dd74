/** Encoders of IQ2_* and IQ3_*. */

import type { EncodeRows } from '../encodings.ts'
import { encoder } from './iq-encode.ts'
import { gridIQ2_S, gridIQ2_XS, gridIQ2_XXS, gridIQ3_S, gridIQ3_XXS } from './iq-grids.ts'
import { putIQ2_S, putIQ2_XS, putIQ2_XXS, putIQ3_S, putIQ3_XXS } from './iq-pack.ts'

const { fround } = Math

const squareOf = (_: number, square: number): number => square

export const encodeIQ2_XXS: EncodeRows = encoder({
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

export const encodeIQ2_XS: EncodeRows = encoder({
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

export const encodeIQ2_S: EncodeRows = encoder({
  grid: gridIQ2_S,
  distances: 1,
  blockBytes: 82,
  size: 16,
  evenSigns: false,
  steps: 9,
  step: 0.1,
  least: fround(1e-8),
  energy: 2,
  weight: (energy, square) => fround(fround(0.25 * energy) + square),
  refines: 'off-grid',
  fudge: 0.9875,
  keepsZeros: true,
  put: putIQ2_S,
})

export const encodeIQ3_XXS: EncodeRows = encoder({
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

export const encodeIQ3_S: EncodeRows = encoder({
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
