import { blockGridBits, blockGrids, decodeValues, encodedBytes, encodeValues, encodingNamed } from '@sinter/model'
import { sparseGpt } from '@sinter/pruning'
import { gptq, rtnMethod } from '@sinter/quantization'
import {
  createCompute,
  createRng,
  decodeWeight,
  defaultCompute,
  encodeWeight,
  isCodebook,
  prepareHessian,
  type Rng,
  type TensorF32,
  totalBits,
  type Weight,
} from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exactBytes } from '../src/formats/exact-bytes.ts'

const compute = defaultCompute()
const names = Object.keys(blockGrids)
/** A table says its levels once a matrix, which the format knows by itself. */
const bitsOf = (weight: Weight): number =>
  totalBits(weight.bits()) - (isCodebook(weight) ? 32 * weight.codebook.levels.length : 0)
/** A code of 0 under a negative scale decodes to −0. */
const numbers = (values: Float32Array) => Array.from(values, value => value + 0)

/** Weights with heavy tails, and inputs that share a part and differ in size: what layers look like. */
function layer(rows: number, cols: number, seed: number) {
  const rng = createRng(seed)
  const weight = weightsOf(rows, cols, 0.05, rng)
  const gram = new Float64Array(cols * cols)
  const sizes = Float64Array.from({ length: cols }, () => Math.exp(rng.normal()))
  for (let t = 0; t < cols; t++) {
    const common = 0.7 * rng.normal()
    const x = sizes.map(size => size * (rng.normal() + common))
    for (let i = 0; i < cols; i++) for (let j = 0; j < cols; j++) gram[i * cols + j]! += x[i]! * x[j]!
  }
  return { weight, gram }
}

function weightsOf(rows: number, cols: number, size: number, rng: Rng): TensorF32 {
  const data = Float32Array.from({ length: rows * cols }, () => size * rng.normal() * (rng.uniform() < 0.02 ? 4 : 1))
  return { dtype: 'f32', shape: [rows, cols], data }
}

/** tr(ΔW G ΔWᵀ) */
function layerError({ data, shape }: TensorF32, changed: Float32Array, gram: Float64Array): number {
  const cols = shape[1]!
  let sum = 0
  for (let row = 0; row < data.length; row += cols)
    for (let i = 0; i < cols; i++) {
      const delta = data[row + i]! - changed[row + i]!
      for (let j = 0; j < cols; j++) sum += delta * (data[row + j]! - changed[row + j]!) * gram[i * cols + j]!
    }
  return sum
}

const { weight, gram } = layer(8, 512, 7)
const small = layer(3, 256, 1)

describe.each(names)('gptq on the grid of %s', name => {
  const encoding = encodingNamed(name)
  const decoded = (bytes: Uint8Array, count: number) => numbers(decodeValues(encoding, bytes, count))

  test('the file holds its own codes: what is decoded is its value, bit for bit, in any order of rows', () =>
    fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom(0.01, 1, 300), async (seed, size) => {
        const some = weightsOf(3, 256, size, createRng(seed))
        const { weight: solved } = await gptq(some, small.gram, { encoding: name }, compute)
        const bytes = exactBytes(solved, name)!
        expect(decoded(bytes, 3 * 256)).toEqual(numbers(solved.dense().data))
        expect(bytes.length).toBe(encodedBytes(encoding, 3 * 256))
        expect(bitsOf(solved)).toBe(8 * bytes.length)
        const turned = exactBytes(solved, name, Int32Array.of(2, 0, 1))!
        const row = bytes.length / 3
        expect(turned.subarray(0, row)).toEqual(bytes.subarray(2 * row))
        expect(turned.subarray(row)).toEqual(bytes.subarray(0, 2 * row))
      }),
      { numRuns: 12 },
    ))

  test('it loses less of the output than the encoder of the format, also when that knows the importance of columns', async () => {
    const { weight: solved, loss } = await gptq(weight, gram, { encoding: name }, compute)
    const diagonal = Float32Array.from({ length: 512 }, (_, i) => gram[i * 513]! / 512)
    const own = layerError(weight, solved.dense().data, gram)
    for (const importance of [undefined, diagonal]) {
      const encoded = decodeValues(encoding, encodeValues(encoding, weight.data, 512, importance), 8 * 512)
      expect(own).toBeLessThan(0.8 * layerError(weight, encoded, gram))
    }
    // The loss is with the damped Hessian.
    expect(loss).toBeGreaterThan(own)
  })

  test('what is stored gives the same weight back; the bits are those that the plan declares', async () => {
    const { weight: solved } = await gptq(weight, gram, { encoding: name }, compute)
    const back = decodeWeight(encodeWeight(solved))
    expect(back.dense()).toEqual(solved.dense())
    expect(exactBytes(back, name)).toEqual(exactBytes(solved, name))
    expect(bitsOf(solved) / (8 * 512)).toBe(blockGridBits(blockGrids[name]!))
  })

  test('the same bytes again, on any number of threads, and with the Hessian prepared before', async () => {
    const threaded = createCompute({ threads: 3 })
    const options = { encoding: name }
    const { weight: first, hessian } = await gptq(weight, gram, options, compute)
    const { weight: second } = await gptq(weight, gram, options, threaded)
    const { weight: third } = await gptq(weight, hessian, options, compute)
    for (const other of [second, third]) expect(exactBytes(other, name)).toEqual(exactBytes(first, name))
    await threaded.pool.close()
  })

  test('every choice of groups ends on the grid; no other encoding takes it for its own', async () => {
    for (const groups of ['static', 'together'] as const) {
      const { weight: solved } = await gptq(weight, gram, { encoding: name, groups, sweeps: 1 }, compute)
      expect(decoded(exactBytes(solved, name)!, 8 * 512)).toEqual(numbers(solved.dense().data))
      for (const other of names) if (other !== name) expect(exactBytes(solved, other)).toBeUndefined()
    }
  })
})

test.each(names.filter(name => name !== 'IQ4_NL'))(
  'rounding alone on the grid of %s: less squared error than the encoder of the format, and its own codes',
  async name => {
    const options = rtnMethod.options.parse({ encoding: name, range: 'mse' })
    const context = { compute, name: 'weight', note: () => {} }
    const made = await rtnMethod.compress(new Map([['weight', weight]]), { tokens: 0, sequences: 0 }, options, context)
    const rounded = made.get('weight')!
    const squared = (values: Float32Array) => values.reduce((sum, v, i) => sum + (v - weight.data[i]!) ** 2, 0)
    const encoding = encodingNamed(name)
    const encoded = decodeValues(encoding, encodeValues(encoding, weight.data, 512), 8 * 512)
    expect(squared(rounded.dense().data)).toBeLessThan(1.001 * squared(encoded))
    expect(numbers(decodeValues(encoding, exactBytes(rounded, name)!, 8 * 512))).toEqual(numbers(rounded.dense().data))
    expect(rtnMethod.bitsPerWeight([8, 512], options)).toBe(totalBits(rounded.bits()) / (8 * 512))
  },
)

test.each(names.filter(name => blockGrids[name]!.symmetric && !blockGrids[name]!.levels))(
  'SparseGPT on the grid of %s: what is removed is 0 in the file',
  async name => {
    const { weight: pruned, removed } = await sparseGpt(weight, gram, { encoding: name, sparsity: 0.5 }, compute)
    const values = decodeValues(encodingNamed(name), exactBytes(pruned, name)!, 8 * 512)
    expect(numbers(values)).toEqual(numbers(pruned.dense().data))
    expect(removed.reduce((sum, r) => sum + r, 0)).toBe(4 * 512)
    removed.forEach((gone, i) => {
      if (gone) expect(values[i]! + 0).toBe(0)
    })
  },
)

test('rows that super-blocks do not fill, and an encoding without a grid, are refused', async () => {
  const { weight, gram } = layer(2, 96, 1)
  await expect(gptq(weight, gram, { encoding: 'Q4_K' }, compute)).rejects.toThrow('multiple of 256, got 96')
  await expect(gptq(weight, gram, { encoding: 'IQ1_S' }, compute)).rejects.toThrow('no grid is known of IQ1_S')
})

test('an order that tears super-blocks apart is refused', async () => {
  const { weight, gram } = layer(2, 512, 1)
  const torn = await prepareHessian(gram, 512, { actOrder: true }, compute)
  await expect(gptq(weight, torn, { encoding: 'Q4_K' }, compute)).rejects.toThrow('must stay together')
  await expect(gptq(weight, torn, { encoding: 'Q4_K', groups: 'static' }, compute)).resolves.toBeDefined()
})
