import { goldenTest } from '@sinter/model/testing'
import { createRng, toF32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { adamw } from '../src/train/adamw.ts'
import { adamw8bit } from '../src/train/adamw-8bit.ts'
import { BLOCK, decodeBlock, dynamicMap, encodeBlock } from '../src/train/dynamic-map.ts'
import type { FloatArray } from '../src/train/optimizer.ts'

const options = adamw8bit.options.parse({})
const adamOptions = adamw.options.parse({})

const normals = (name: string, count: number, scale = 1): Float64Array => {
  const rng = createRng(name)
  return Float64Array.from({ length: count }, () => scale * rng.normal())
}

/** Codes of all blocks, and their scales. */
function encode(values: Float32Array) {
  const codes = new Uint8Array(values.length)
  const scales: number[] = []
  for (let from = 0; from < values.length; from += BLOCK)
    scales.push(encodeBlock(dynamicMap(true), values.subarray(from, from + BLOCK), from, from + BLOCK, codes))
  return { codes, scales }
}

goldenTest(
  'levels and scales of bitsandbytes; codes no worse',
  import.meta.url,
  'optimisers',
  ['blockwise8'],
  golden => {
    const { levels } = dynamicMap(true)
    expect([...levels]).toEqual([...golden.f64('dynamic_map')])
    const values = toF32(golden.tensor('W')).data
    const { codes, scales } = encode(values)
    expect(scales).toEqual([...golden.f64('absmax')])
    // Its CPU kernel looks ratios up at a resolution of 2⁻¹⁵: 138 codes differ, 128 of them those of zeros.
    const recorded = golden.f64('codes')
    expect(codes.filter((code, i) => code !== recorded[i] && values[i] !== 0).length).toBe(10)
    for (const [i, code] of codes.entries()) {
      const ratio = values[i]! / scales[Math.floor(i / BLOCK)]!
      const [ours, theirs] = [code, recorded[i]!].map(c => Math.abs(ratio - levels[c]!)) as [number, number]
      expect(ours).toBeLessThanOrEqual(theirs)
      expect(theirs - ours).toBeLessThan(2 ** -15)
    }
  },
)

test.each([true, false])('every level is its own code (signed: %s)', signed => {
  const map = dynamicMap(signed)
  expect(map.levels.length).toBe(256)
  expect([map.levels.includes(0), map.levels.at(-1)]).toEqual([true, 1])
  const block = Float32Array.from(map.levels)
  const codes = new Uint8Array(BLOCK)
  expect(encodeBlock(map, block, 0, BLOCK, codes)).toBe(1)
  expect([...codes]).toEqual(Array.from({ length: 256 }, (_, code) => code))
})

test.each([true, false])(
  'whatever the upper half of a float, the code is that of the nearest level (signed: %s)',
  signed => {
    const { levels } = dynamicMap(signed)
    const ends = new Float32Array(
      Uint32Array.from({ length: 2 * 0x3f80 }, (_, k) => (k >> 1) * 65536 + (k & 1) * 65535).buffer,
    )
    // Ratios that the unsigned map keeps from becoming zero are the next test's.
    const ratios = ends.filter(ratio => signed || ratio > 1.7e-7)
    const block = new Float32Array(BLOCK)
    const codes = new Uint8Array(BLOCK)
    for (const sign of signed ? [1, -1] : [1])
      for (let at = 0; at < ratios.length; at += BLOCK - 1) {
        const some = ratios.subarray(at, at + BLOCK - 1).map(ratio => sign * ratio)
        block.set(some)
        block[BLOCK - 1] = 1
        encodeBlock(dynamicMap(signed), block, 0, BLOCK, codes)
        const off = some.map((ratio, i) => Math.abs(ratio - levels[codes[i]!]!))
        expect(off).toEqual(
          some.map(ratio => levels.reduce((least, level) => Math.min(least, Math.abs(ratio - level)), 2)),
        )
      }
  },
)

test('only zero becomes zero in the map of second moments', () => {
  const block = new Float32Array(BLOCK)
  block.set([1, 1e-9, 1e-30, 0])
  const [codes, back] = [new Uint8Array(BLOCK), new Float32Array(BLOCK)]
  const map = dynamicMap(false)
  decodeBlock(map, codes, encodeBlock(map, block, 0, BLOCK, codes), 0, BLOCK, back)
  expect([...back.subarray(0, 5)]).toEqual([1, map.levels[1], map.levels[1], 0, 0])
})

test('a small gradient, then none: the update stays within a few learning rates', () => {
  const shape = [BLOCK]
  const state = adamw8bit.state(shape, options)
  const parameter = new Float64Array(BLOCK)
  const gradient = new Float64Array(BLOCK)
  gradient.set([10, 0.003])
  adamw8bit.step({ parameter, gradient, state, shape, step: 1, learningRate: 1, options })
  const before = parameter[1]!
  gradient[1] = 0
  adamw8bit.step({ parameter, gradient, state, shape, step: 2, learningRate: 1, options })
  expect(parameter[1]).toBeLessThan(before)
  expect(before - parameter[1]!).toBeLessThan(2)
})

test('a block of zeros stays zeros, and takes nothing from its neighbours', () => {
  const shape = [3 * BLOCK]
  const state = adamw8bit.state(shape, options)
  const parameter = new Float64Array(3 * BLOCK).fill(1)
  const gradient = normals('gradient', 3 * BLOCK)
  gradient.fill(0, BLOCK, 2 * BLOCK)
  for (let step = 1; step <= 3; step++)
    adamw8bit.step({
      parameter,
      gradient,
      state,
      shape,
      step,
      learningRate: 0.01,
      options: { ...options, weightDecay: 0 },
    })
  expect(parameter.subarray(BLOCK, 2 * BLOCK).every(value => value === 1)).toBe(true)
  expect(parameter.every((value, i) => (value === 1) === (gradient[i] === 0))).toBe(true)
})

test('the first step is AdamW exactly: both moments come from the gradient alone', () => {
  const shape = [7, 100]
  const start = normals('start', 700)
  const gradient = normals('gradient', 700)
  const [ours, theirs] = [start.slice(), start.slice()]
  const one = { gradient, shape, step: 1, learningRate: 0.01 }
  adamw8bit.step({ ...one, parameter: ours, state: adamw8bit.state(shape, options), options })
  adamw.step({ ...one, parameter: theirs, state: adamw.state(shape, adamOptions), options: adamOptions })
  expect(ours).toEqual(theirs)
  expect(ours).not.toEqual(start)
})

/** Noisy gradients of ½|x − c|², in coordinates whose scales span a decade. @returns the loss without noise */
function descend(step: (parameter: FloatArray, gradient: FloatArray, step: number) => void): number {
  const size = 1000
  const target = normals('target', size)
  const scales = Float64Array.from({ length: size }, (_, i) => 10 ** (-(i % 7) / 6))
  const parameter = new Float64Array(size)
  for (let k = 1; k <= 400; k++) {
    const noise = normals(`noise ${k}`, size, 0.3)
    step(
      parameter,
      parameter.map((value, i) => scales[i]! * (value - target[i]! + noise[i]!)),
      k,
    )
  }
  return parameter.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0)
}

test('400 noisy steps end near where those of AdamW end, with 2.03 bytes a value', () => {
  const shape = [1000]
  const state = adamw8bit.state(shape, options)
  const theirState = adamw.state(shape, adamOptions)
  const learningRate = 0.01
  const ours = descend((parameter, gradient, step) =>
    adamw8bit.step({ parameter, gradient, state, shape, step, learningRate, options }),
  )
  const theirs = descend((parameter, gradient, step) =>
    adamw.step({ parameter, gradient, state: theirState, shape, step, learningRate, options: adamOptions }),
  )
  expect(theirs).toBeLessThan(6)
  expect(ours / theirs).toBeLessThan(1.3)
  expect(Object.values(state).reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(2 * 1000 + 2 * 4 * 4)
})
