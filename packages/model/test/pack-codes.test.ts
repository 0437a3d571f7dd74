import {
  f32ToF16,
  floatGridWeight,
  packBits,
  quantizedWeight,
  type Tensor,
  totalBits,
  twoLevelWeight,
} from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blockGridBits,
  blockGrids,
  decodeValues,
  encodingNamed,
  packMXFP4,
  packQ5_0,
  packQ5_1,
  packSuperBlocks,
} from '../src/index.ts'

const bytes = (count: number, most: number) => fc.uint8Array({ min: 0, max: most, minLength: count, maxLength: count })
const halves = (count: number) =>
  fc
    .array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: count, maxLength: count })
    .map(values => f32ToF16(Float32Array.from(values)))
const tensor = (shape: number[], data: Uint16Array): Tensor => ({ dtype: 'f16', shape, data })
/** A code of 0 under a negative scale decodes to −0. */
const numbers = (values: Float32Array) => Array.from(values, value => value + 0)

const superGrids = Object.entries(blockGrids).filter(([, grid]) => grid.supers !== undefined)

describe.each(superGrids)('%s', (name, { bits, groupSize, symmetric, supers }) => {
  const { least, most, mostMin } = supers!
  const superBlocks = 2
  const groups = (superBlocks * 256) / groupSize
  const parts = fc.record({
    codes: bytes(superBlocks * 256, 2 ** bits - 1),
    scales: bytes(groups, most - least),
    superScales: halves(superBlocks),
    mins: bytes(groups, mostMin ?? 0),
    superMins: halves(superBlocks),
  })
  const blockOf = ({ mins, superMins, ...block }: { mins: Uint8Array; superMins: Uint16Array } & Block) =>
    symmetric ? block : { ...block, mins, superMins }
  interface Block {
    readonly codes: Uint8Array
    readonly scales: Uint8Array
    readonly superScales: Uint16Array
  }

  test('what is packed decodes to what the weight of the same codes stands for, bit for bit', () => {
    fc.assert(
      fc.property(parts, ({ mins, superMins, ...block }) => {
        const weight = twoLevelWeight({
          shape: [1, superBlocks * 256],
          bits,
          groupSize,
          superSize: 256,
          codes: block.codes,
          scaleBits: Math.log2(most - least + 1),
          scaleCodes: block.scales,
          scaleZero: -least,
          superScales: tensor([1, superBlocks], block.superScales),
          ...(!symmetric && { minCodes: mins, superMins: tensor([1, superBlocks], superMins) }),
        })
        const packed = packSuperBlocks(name, blockOf({ mins, superMins, ...block }))
        expect(numbers(decodeValues(encodingNamed(name), packed, superBlocks * 256))).toEqual(
          numbers(weight.dense().data),
        )
        expect(totalBits(weight.bits())).toBe(8 * packed.length)
        expect(blockGridBits(blockGrids[name]!) * superBlocks * 256).toBe(8 * packed.length)
      }),
    )
  })

  test('counts that do not agree and codes that are too large are refused', () => {
    const good = {
      codes: new Uint8Array(256),
      scales: new Uint8Array(256 / groupSize),
      superScales: new Uint16Array(1),
      ...(!symmetric && { mins: new Uint8Array(256 / groupSize), superMins: new Uint16Array(1) }),
    }
    const refused = (change: object) => expect(() => packSuperBlocks(name, { ...good, ...change }))
    refused({ codes: new Uint8Array(255) }).toThrow('expected 256 codes for 1 super-blocks, got 255')
    refused({ scales: new Uint8Array(3) }).toThrow('scales for 1 super-blocks, got 3')
    refused({ codes: good.codes.slice().fill(2 ** bits, 7, 8) }).toThrow(`got ${2 ** bits} at 7`)
    refused({ mins: new Uint8Array(symmetric ? 1 : 0) }).toThrow('minimums for 1 super-blocks')
  })
})

test('a name that is no K-quant is refused with those that are', () => {
  const none = { codes: new Uint8Array(0), scales: new Uint8Array(0), superScales: new Uint16Array(0) }
  expect(() => packSuperBlocks('Q4_0', none)).toThrow('Q4_0 is none of Q2_K, Q3_K, Q4_K, Q5_K, Q6_K')
})

test('Q5_0 and Q5_1: what is packed decodes to what the weight of the same codes stands for', () => {
  const parts = fc.record({ codes: bytes(64, 31), scales: halves(2), mins: halves(2) })
  fc.assert(
    fc.property(parts, ({ codes, scales, mins }) => {
      const base = { shape: [1, 64], bits: 5, groupSize: 32, codes, scales: tensor([1, 2], scales) } as const
      const decoded = (name: string, packed: Uint8Array) => numbers(decodeValues(encodingNamed(name), packed, 64))
      const values = (weight: ReturnType<typeof quantizedWeight>) => numbers(weight.dense().data)
      expect(decoded('Q5_0', packQ5_0(codes, scales))).toEqual(values(quantizedWeight(base)))
      const withMins = quantizedWeight({ ...base, mins: tensor([1, 2], mins) })
      expect(decoded('Q5_1', packQ5_1(codes, scales, mins))).toEqual(values(withMins))
    }),
  )
  expect(() => packQ5_0(new Uint8Array(32).fill(32), new Uint16Array(1))).toThrow('expected codes 0 … 31, got 32')
})

test('MXFP4: what is packed decodes to what the weight of the same codes stands for', () => {
  const parts = fc.record({ codes: bytes(64, 15), exponents: bytes(2, 254) })
  fc.assert(
    fc.property(parts, ({ codes, exponents }) => {
      const weight = floatGridWeight({
        shape: [1, 64],
        element: 'e2m1',
        block: [1, 32],
        codes: packBits(codes, 4),
        scales: { dtype: 'u8', shape: [1, 2], data: exponents },
      })
      const decoded = decodeValues(encodingNamed('MXFP4'), packMXFP4(codes, exponents), 64)
      expect(numbers(decoded)).toEqual(numbers(weight.dense().data))
    }),
  )
  expect(() => packMXFP4(new Uint8Array(32), new Uint8Array(2))).toThrow('one scale (and minimum) for each 32 codes')
})
