import { testTransform, testWeightMethod } from '@sinter/model/testing'
import { awq } from '../src/awq.ts'
import { fp4Method } from '../src/fp4.ts'
import { fp8Method } from '../src/fp8.ts'
import { gptqMethod } from '../src/gptq.ts'
import { int8Method } from '../src/int8-rows.ts'
import { mxfp4Method } from '../src/mxfp4.ts'
import { mxfp8Method } from '../src/mxfp8.ts'
import { nf4Method } from '../src/nf4.ts'
import { nvfp4Method } from '../src/nvfp4.ts'
import { rtnMethod } from '../src/rtn.ts'

const round = (bits: number, groupSize: number, symmetric: boolean) =>
  ({ kind: 'round', bits, groupSize, symmetric }) as const

testWeightMethod(rtnMethod, [
  {
    name: 'symmetric, full range',
    options: { symmetricRange: 'full', groupSize: 32, scaleDType: 'f32' },
    baseline: round(4, 32, true),
  },
  { name: 'asymmetric, 3 bits', options: { bits: 3, symmetric: false, groupSize: 16 }, baseline: round(3, 16, false) },
  { name: 'a row each, least squares range', options: { groupSize: -1, range: 'mse' }, baseline: round(4, -1, true) },
  {
    name: 'one grid for the matrix',
    options: { groupSize: 0, scaleDType: 'f32', symmetricRange: 'full' },
    baseline: round(4, 0, true),
  },
  {
    name: 'minimums, f32 scales',
    options: { symmetric: false, zero: 'min', scaleDType: 'f32' },
    baseline: round(4, 64, true),
  },
])

testWeightMethod(gptqMethod, [
  { name: 'defaults', options: {}, baseline: round(4, 64, true) },
  { name: 'asymmetric', options: { symmetric: false, groupSize: 32 }, baseline: round(4, 32, false) },
  {
    name: 'act-order with groups fitted on the way',
    options: { groups: 'live', groupSize: 16, bits: 3 },
    baseline: round(3, 16, true),
  },
  { name: 'minimums', options: { symmetric: false, zero: 'min', groupSize: 32 }, baseline: round(4, 32, false) },
  {
    name: 'groups that stay together, least squares, codes refined',
    options: { groups: 'together', range: 'fit', sweeps: 4, groupSize: 16, bits: 3 },
    baseline: round(3, 16, true),
  },
  {
    name: 'plain, a row each',
    options: { actOrder: false, range: 'minmax', groupSize: -1 },
    baseline: round(4, -1, true),
  },
])

testWeightMethod(nf4Method, [
  { name: 'defaults', options: {}, baseline: round(4, 64, true) },
  { name: 'f32 scales', options: { doubleQuant: false }, baseline: round(4, 64, true) },
  { name: 'short blocks', options: { blockSize: 16 }, baseline: round(4, 16, true) },
  // Longer than a row, and shorter than all of them.
  { name: 'blocks over several rows', options: { blockSize: 300 }, baseline: round(4, 0, true) },
])

// Half of the codes of FP4 lie below a quarter of the largest weight: it loses to as many evenly spaced levels.
testWeightMethod(fp4Method, [
  { name: 'defaults', options: {}, baseline: round(3, 64, true) },
  { name: 'f32 scales', options: { doubleQuant: false, blockSize: 32 }, baseline: round(3, 32, true) },
])

testWeightMethod(fp8Method, [
  { name: 'a scale a row', options: {}, baseline: round(5, -1, true) },
  { name: 'a scale a tile, f16', options: { scales: 'tile', scaleDType: 'f16' }, baseline: round(5, 0, true) },
  { name: 'one scale', options: { scales: 'matrix' }, baseline: round(5, 0, true) },
])

testWeightMethod(nvfp4Method, [{ name: 'defaults', options: {}, baseline: round(3, 16, true) }])

testWeightMethod(mxfp4Method, [
  { name: 'defaults', options: {}, baseline: round(3, 32, true) },
  { name: 'scales as the OCP has them', options: { scale: 'floor' }, baseline: round(3, 32, true) },
])

testWeightMethod(mxfp8Method, [{ name: 'defaults', options: {}, baseline: round(5, 32, true) }])

testWeightMethod(int8Method, [{ name: 'defaults', options: {}, baseline: round(7, -1, true) }])

// Clipping is the part of AWQ that does change the function: it is left out here.
testTransform(awq, [
  { name: 'module objective', options: { clip: false, groupSize: 16 } },
  { name: 'gram objective', options: { clip: false, groupSize: 16, objective: 'gram' } },
])
