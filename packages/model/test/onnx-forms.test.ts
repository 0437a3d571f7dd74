import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  castTo,
  codebookWeight,
  createOnnxBuilder,
  createRng,
  denseWeight,
  encodeWeight,
  f32,
  packHighFirst,
  permutedWeight,
  type Quantized,
  quantizedWeight,
  scaledWeight,
  sparseWeight,
  sumWeight,
  type Weight,
} from '@sinter/tensor-core'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { emitForm } from '../src/formats/onnx/forms.ts'
import { METADATA_KEY, metadataOf } from '../src/formats/onnx/metadata.ts'
import { openOnnx } from '../src/formats/onnx/open.ts'
import { createTensorStore } from '../src/formats/onnx/tensor-store.ts'
import { isRowwise } from '../src/formats/onnx/w8a8.ts'
import { withTemporary } from './helpers/onnx-session.ts'

const rng = createRng('onnx forms')
const floats = (count: number, size = 1) => Float32Array.from({ length: count }, () => size * rng.normal())
const codes = (count: number, bits: number) => Uint8Array.from({ length: count }, () => rng.integer(2 ** bits))

/** A grid of random codes: what a method would make, without a method. */
function grid(
  rows: number,
  cols: number,
  bits: number,
  groupSize: number,
  zero: 'none' | 'integer' | 'min' = 'none',
  scaleType: 'f16' | 'f32' = 'f16',
  perTensor = false,
): Weight {
  const groups = Math.ceil(cols / groupSize)
  const shape = perTensor ? [1, 1] : [rows, groups]
  const count = shape[0]! * shape[1]!
  const stored = (values: Float32Array) => castTo(f32(shape, values), scaleType)
  const q: Quantized = {
    shape: [rows, cols],
    bits,
    groupSize,
    codes: codes(rows * cols, bits),
    scales: stored(floats(count, 0.1)),
    ...(zero === 'integer' && { zeroPoints: codes(count, bits) }),
    ...(zero === 'min' && { mins: stored(floats(count, 0.3)) }),
  }
  return quantizedWeight(q)
}

const nf4 = [-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635]
  .concat([-0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725])
  .concat([0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1])
const fp4 = [0, 0.0625, 8, 12, 4, 6, 2, 3].map(x => x / 12)

function table(levels: readonly number[], blockSize: number, doubled = false): Weight {
  const [rows, cols] = [24, 64]
  const blocks = (rows * cols) / blockSize
  const scales = doubled
    ? { codes: codes(blocks, 8), absmax: Float32Array.of(0.3), offset: Math.fround(0.4) }
    : floats(blocks).map(Math.abs)
  const packed = packHighFirst(codes(rows * cols, 4), 4)
  return codebookWeight({ shape: [rows, cols], bits: 4, levels: Float32Array.from(levels), blockSize, packed, scales })
}

const dense = (rows: number, cols: number, dtype: 'f32' | 'f16' | 'bf16' = 'f32') =>
  denseWeight(castTo(f32([rows, cols], floats(rows * cols, 0.2)), dtype))

const order = Int32Array.from({ length: 64 }, (_, i) => (i * 13 + 5) % 64)

/** No operator of its own. */
const ordinary = ''

/** name, weight, the operator that must do it. */
const cases: readonly [name: string, weight: Weight, operator: string][] = [
  ['dense f32', dense(24, 40), 'MatMul'],
  ['dense f16', dense(24, 40, 'f16'), 'MatMul'],
  ['dense bf16', dense(24, 40, 'bf16'), 'MatMul'],
  ['4 bits', grid(24, 64, 4, 32), 'MatMulNBits'],
  ['8 bits', grid(24, 64, 8, 16), 'MatMulNBits'],
  ['2 bits', grid(24, 64, 2, 64), 'MatMulNBits'],
  ['4 bits, zero points', grid(24, 96, 4, 32, 'integer'), 'MatMulNBits'],
  ['2 bits, zero points', grid(24, 80, 2, 16, 'integer'), 'MatMulNBits'],
  ['8 bits, zero points', grid(24, 64, 8, 32, 'integer', 'f32'), 'MatMulNBits'],
  ['4 bits, minimum', grid(24, 64, 4, 32, 'min'), 'MatMulNBits'],
  ['3 bits in 4', grid(24, 64, 3, 32), 'MatMulNBits'],
  ['3 bits in 4, zero points', grid(24, 64, 3, 32, 'integer'), 'MatMulNBits'],
  ['5 bits in 8', grid(24, 64, 5, 32), 'MatMulNBits'],
  ['1 bit in 2, minimum', grid(24, 64, 1, 32, 'min'), 'MatMulNBits'],
  ['groups of 96', grid(24, 200, 4, 96), 'MatMulNBits'],
  ['a group a row', grid(24, 72, 8, 72), 'MatMulNBits'],
  ['a group a row, longer than a block', grid(24, 300, 8, 300, 'integer'), 'MatMulNBits'],
  ['one scale', grid(24, 48, 8, 48, 'none', 'f32', true), 'MatMulNBits'],
  ['a last group that is shorter', grid(24, 72, 4, 32, 'integer'), 'MatMulNBits'],
  ['one row, one group', grid(1, 32, 4, 32), 'MatMulNBits'],
  ['groups that no block fits', grid(24, 60, 4, 12), ordinary],
  ['8 bits, minimum', grid(24, 64, 8, 32, 'min'), ordinary],
  ['minima in f32', grid(24, 64, 4, 32, 'min', 'f32'), ordinary],
  ['NF4', table(nf4, 64), 'MatMulBnb4'],
  ['NF4, scales in 8 bits', table(nf4, 16, true), 'MatMulBnb4'],
  ['FP4', table([...fp4, ...fp4.map(x => 0 - x)], 32), 'MatMulBnb4'],
  [
    'another table',
    table(
      nf4.map(x => x * 2),
      64,
    ),
    ordinary,
  ],
  ['sum', sumWeight([grid(24, 64, 4, 32), dense(24, 64, 'f16')]), 'MatMulNBits'],
  ['permuted', permutedWeight(grid(24, 64, 4, 16), order), 'MatMulNBits'],
  ['scaled', scaledWeight(grid(24, 64, 8, 32), { rows: floats(24), columns: floats(64) }), 'MatMulNBits'],
]

/** The product in plain loops. */
function product(x: Float32Array, { shape: [out, width] }: Weight, values: Float32Array): number[] {
  const rows = x.length / width
  return Array.from({ length: rows * out }, (_, at) => {
    let sum = 0
    for (let i = 0; i < width; i++) sum += x[Math.floor(at / out) * width + i]! * values[(at % out) * width + i]!
    return sum
  })
}

/** A model of one product in a folder. */
async function store(
  folder: string,
  weight: Weight,
  accuracyLevel = 1,
  integerProducts = false,
): Promise<{ path: string; bytes: Uint8Array }> {
  const path = join(folder, 'model.onnx')
  const builder = createOnnxBuilder()
  const tensors = createTensorStore(builder, folder, 'model.onnx')
  const [out, width] = weight.shape
  builder.input('x', 'f32', ['batch', 'tokens', width])
  builder.output('y', 'f32', ['batch', 'tokens', out])
  const context = { builder, store: tensors, accuracyLevel, gatherBlocks: false, integerProducts, rounded: new Map() }
  const { y, record } = emitForm(context, weight, 'x', 'w')
  builder.add('Identity', [y], ['y'])
  await tensors.flush()
  await tensors.commit()
  const bytes = builder.finish(metadataOf(new Map([['w', { shape: weight.shape, form: record }]]), tensors.kept))
  writeFileSync(path, bytes)
  return { path, bytes }
}

/** Largest difference from the product in plain loops, as a part of the largest value. */
async function error(path: string, weight: Weight): Promise<number> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  const x = floats(3 * weight.shape[1])
  const { y } = await session.run({ x: new OrtTensor('float32', x, [1, 3, weight.shape[1]]) })
  await session.release()
  const wanted = product(x, weight, weight.dense().data)
  const got = y!.data as Float32Array
  return Math.max(...wanted.map((value, i) => Math.abs(got[i]! - value))) / Math.max(...wanted.map(Math.abs))
}

test('an integer product is for rows without any kind of zero point', () => {
  const scales = { dtype: 'f32' as const, shape: [2, 1], data: Float32Array.of(1, 2) }
  const q = { shape: [2, 4] as const, bits: 8, groupSize: 4, codes: new Uint8Array(8).fill(9), scales }
  expect(isRowwise(quantizedWeight(q))).toBe(true)
  const zeros = { dtype: 'f32' as const, shape: [2, 1], data: Float32Array.of(3.5, 7.25) }
  expect(isRowwise(quantizedWeight({ ...q, zeros }))).toBe(false)
  expect(isRowwise(quantizedWeight({ ...q, mins: zeros }))).toBe(false)
})

describe('a weight in ONNX Runtime', () => {
  test.each(cases)('%s: its own values, and read back as it was', (_, weight, operator) =>
    withTemporary(async folder => {
      const { path, bytes } = await store(folder, weight)
      if (operator) expect(Buffer.from(bytes).includes(operator)).toBe(true)
      expect(await error(path, weight)).toBeLessThan(4e-6)
      const source = await openOnnx(path)
      const again = await source.weight('w')
      if (weight.kind === 'dense') {
        expect(again).toBeUndefined()
        expect(await source.read('w')).toEqual(weight.parts().values)
      } else {
        expect(encodeWeight(again!)).toEqual(encodeWeight(weight))
        expect((await source.read('w')).data).toEqual(weight.dense().data)
        expect((await source.readRows('w', 0, 1)).data).toEqual(weight.dense().data.slice(0, weight.shape[1]))
      }
      await source.close()
    }),
  )

  test.each(cases.filter(([, , operator]) => operator === 'MatMulNBits'))(
    '%s: with activations in 8 bits',
    (_, weight) =>
      withTemporary(async folder => {
        const { path } = await store(folder, weight, 4)
        expect(await error(path, weight)).toBeLessThan(0.03)
      }),
  )

  test('8 bits a row with integer products: close to its own values, and read back as it was', () =>
    withTemporary(async folder => {
      const weight = grid(24, 80, 8, 80)
      const { path, bytes } = await store(folder, weight, 1, true)
      expect(Buffer.from(bytes).includes('MatMulInteger')).toBe(true)
      expect(await error(path, weight)).toBeLessThan(0.02)
      const source = await openOnnx(path)
      expect(encodeWeight((await source.weight('w'))!)).toEqual(encodeWeight(weight))
      expect((await source.readRows('w', 3, 2)).data).toEqual(weight.dense().data.slice(240, 400))
      await source.close()
    }))

  test('a sparse matrix is stored as the plain numbers that it is', () =>
    withTemporary(async folder => {
      const inner = dense(8, 16)
      const removed = Uint8Array.from({ length: 128 }, (_, i) => (i % 4 < 2 ? 1 : 0))
      const weight = sparseWeight({ removed, inner: inner as never })
      const { path } = await store(folder, weight)
      const source = await openOnnx(path)
      expect((await source.read('w')).data).toEqual(weight.dense().data)
      await source.close()
    }))

  test('a model of somebody else is not taken for a checkpoint', () =>
    withTemporary(async folder => {
      const builder = createOnnxBuilder()
      const path = join(folder, 'model.onnx')
      writeFileSync(path, builder.finish({ 'somebody.else': '{}' }))
      await expect(openOnnx(path)).rejects.toThrow(METADATA_KEY)
    }))
})
