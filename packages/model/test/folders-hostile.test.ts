/** What comes from a folder is not believed: every refusal names the layer and what is wrong with it. */
import { f32, type Tensor, tensor } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { FormatError, folderFormatNamed, folderFormats, quantizedSource } from '../src/index.ts'
import { sourceOf } from './helpers/memory-source.ts'

const i32 = (...shape: number[]) => tensor('i32', shape, new Int32Array(shape.reduce((a, b) => a * b, 1)))
const f16 = (...shape: number[]) => tensor('f16', shape, new Uint16Array(shape.reduce((a, b) => a * b, 1)))
const u8 = (...shape: number[]) => tensor('u8', shape, new Uint8Array(shape.reduce((a, b) => a * b, 1)))
const i8 = (...shape: number[]) => tensor('i8', shape, new Int8Array(shape.reduce((a, b) => a * b, 1)))
const i64 = (...values: number[]) => tensor('i64', [values.length], BigInt64Array.from(values, BigInt))
const number = (value: number): Tensor => tensor('i32', [], Int32Array.of(value))
const json = (value: unknown): Tensor => {
  const data = new TextEncoder().encode(JSON.stringify(value))
  return tensor('u8', [data.length], data)
}

type Parts = Readonly<Record<string, Tensor | undefined>>

/** A layer `a.b` of these tensors, opened and read. */
async function open(config: Readonly<Record<string, unknown>>, parts: Parts): Promise<void> {
  const present = Object.entries(parts).filter((entry): entry is [string, Tensor] => entry[1] !== undefined)
  const source = sourceOf(Object.fromEntries(present.map(([suffix, part]) => [`a.b.${suffix}`, part])))
  const opened = await quantizedSource(config, source)
  expect(opened.names()).toEqual(['a.b.weight'])
  const weight = await opened.weight!('a.b.weight')
  expect(weight!.dense().data).toHaveLength(weight!.shape[0] * weight!.shape[1])
}

interface Format {
  readonly config: Readonly<Record<string, unknown>>
  readonly good: Parts
  /** Changed config, changed tensors, and what is said. */
  readonly bad: readonly (readonly [string, Readonly<Record<string, unknown>>, Parts, string])[]
}

const ctWeights = { num_bits: 4, type: 'int', symmetric: true, strategy: 'group', group_size: 16 }
const group = (weights: unknown) => ({ config_groups: { group_0: { targets: ['Linear'], weights } } })

const formats: Readonly<Record<string, Format>> = {
  'compressed-tensors': {
    config: { quant_method: 'compressed-tensors', ...group(ctWeights) },
    good: { weight_packed: i32(8, 4), weight_scale: f16(8, 2), weight_shape: i64(8, 32) },
    bad: [
      ['no shape', {}, { weight_shape: undefined }, 'there is no weight_shape'],
      [
        'a shape that is not its own',
        {},
        { weight_shape: i64(9, 32) },
        'weight_shape is [9, 32], and there are 8 rows',
      ],
      ['a width beyond all matrices', {}, { weight_shape: i64(8, 2 ** 40) }, 'weight_shape is [8, 1099511627776]'],
      ['other bits', group({ ...ctWeights, num_bits: 8 }), {}, 'no group of the config fits its codes'],
      ['other groups', group({ ...ctWeights, group_size: 8 }), {}, 'no group of the config fits its codes'],
      ['no number of bits', group({ type: 'int' }), {}, 'num_bits: expected a whole number from 1 to 8, got undefined'],
      ['an unknown type', group({ ...ctWeights, type: 'posit' }), {}, 'type: expected int or float, got "posit"'],
      ['groups that are no object', { config_groups: [] }, {}, 'config_groups: expected an object'],
      [
        'zero points of another shape',
        {},
        { weight_zero_point: i32(8, 2) },
        'weight_zero_point: expected [1,2], got [8,2]',
      ],
      [
        'an index that leaves groups unequal',
        {},
        { weight_g_idx: i32(32) },
        'column groups do not have 16 columns each',
      ],
      [
        'scales that are no floats',
        {},
        { weight_scale: i32(8, 2) },
        'weight_scale: expected f16 or bf16 or f32, got i32',
      ],
    ],
  },
  gptq: {
    config: { quant_method: 'gptq', bits: 4, group_size: 16 },
    good: { qweight: i32(4, 8), qzeros: i32(2, 1), scales: f16(2, 8), g_idx: undefined },
    bad: [
      ['no zero points', {}, { qzeros: undefined }, 'there is no qzeros; found qweight, scales'],
      ['another layout', { checkpoint_format: 'marlin' }, {}, 'expected gptq or gptq_v2, got "marlin"'],
      ['bits that nobody has', {}, { qzeros: i32(2, 2), qweight: i32(4, 9), scales: f16(2, 9) }, 'qzeros of 7.11 bits'],
      ['outputs that are none', {}, { qweight: i32(4, 0), qzeros: i32(2, 0), scales: f16(2, 0) }, 'qzeros of NaN bits'],
      ['more groups than inputs', {}, { qzeros: i32(33, 1), scales: f16(33, 8) }, '33 groups do not fit together'],
      [
        'groups that do not divide',
        {},
        { qzeros: i32(3, 1), scales: f16(3, 8) },
        '3 groups do not divide its 32 inputs',
      ],
      ['an index of another length', {}, { g_idx: i32(31) }, 'g_idx: expected [32], got [31]'],
      [
        'an index out of range',
        {},
        { g_idx: tensor('i32', [32], new Int32Array(32).fill(7)) },
        'do not have 16 columns',
      ],
      ['words of another type', {}, { qweight: tensor('i64', [4, 8], new BigInt64Array(32)) }, 'expected i32, got i64'],
    ],
  },
  awq: {
    config: { quant_method: 'awq', bits: 4, group_size: 16, version: 'GEMM' },
    good: { qweight: i32(32, 1), qzeros: i32(2, 1), scales: f16(2, 8) },
    bad: [
      ['another layout', { version: 'gemv' }, {}, 'expected gemm, got "gemv"'],
      ['other bits', { bits: 3 }, {}, 'AWQ of 4 bits is read, got 3'],
      ['scales for other outputs', {}, { scales: f16(2, 9) }, 'scales: expected [-1,8], got [2,9]'],
      ['no groups', {}, { scales: f16(0, 8), qzeros: i32(0, 1) }, '0 groups of 32 inputs'],
    ],
  },
  bitsandbytes: {
    config: { quant_method: 'bitsandbytes', load_in_4bit: true },
    good: {
      weight: u8(64, 1),
      'weight.absmax': f32([2], [1, 1]),
      'weight.quant_map': f32([16], new Float32Array(16)),
      'weight.quant_state.bitsandbytes__nf4': json({ blocksize: 64, shape: [4, 32] }),
    },
    bad: [
      [
        'a state that is no JSON',
        {},
        { 'weight.quant_state.bitsandbytes__nf4': u8(3) },
        'a.b.weight.quant_state.bitsandbytes__nf4: ',
      ],
      [
        'a state without a shape',
        {},
        { 'weight.quant_state.bitsandbytes__nf4': json({ blocksize: 64 }) },
        'has the shape undefined',
      ],
      [
        'a shape beyond the file',
        {},
        { 'weight.quant_state.bitsandbytes__nf4': json({ blocksize: 64, shape: [2 ** 20, 2 ** 20] }) },
        'weight: expected 549755813888 bytes for [1048576,1048576], got 64',
      ],
      [
        'blocks of nothing',
        {},
        { 'weight.quant_state.bitsandbytes__nf4': json({ blocksize: 0, shape: [4, 32] }) },
        'from 1 to 16777216, got 0',
      ],
      ['a state of 70 kB', {}, { 'weight.quant_state.bitsandbytes__nf4': u8(70000) }, 'its state has 70000 bytes'],
      ['scales for other blocks', {}, { 'weight.absmax': f32([3], [1, 1, 1]) }, 'weight.absmax: expected [2], got [3]'],
      [
        'quantized scales without theirs',
        {},
        {
          'weight.absmax': u8(2),
          'weight.quant_state.bitsandbytes__nf4': json({
            blocksize: 64,
            shape: [4, 32],
            nested_offset: 1,
            nested_blocksize: 256,
          }),
        },
        'there is no weight.nested_absmax',
      ],
    ],
  },
  'bitsandbytes:int8': {
    config: { quant_method: 'bitsandbytes', load_in_8bit: true },
    good: { weight: i8(4, 32), SCB: f32([4], [1, 1, 1, 1]), weight_format: u8() },
    bad: [
      ['maxima for other rows', {}, { SCB: f32([3], [1, 1, 1]) }, 'SCB: expected [4], got [3]'],
      [
        'rows in another order',
        {},
        { weight_format: tensor('u8', [], Uint8Array.of(2)) },
        'rows in order (0) are read',
      ],
      ['floats', {}, { weight: f32([4, 32], new Float32Array(128)) }, 'weight: expected i8, got f32'],
    ],
  },
  hqq: {
    config: { quant_method: 'hqq' },
    good: {
      W_q: u8(4, 16),
      scale: f16(8, 1),
      zero: f16(8, 1),
      shape: i64(4, 32),
      nbits: number(4),
      axis: number(1),
      group_size: number(16),
    },
    bad: [
      ['groups along the outputs', {}, { axis: number(0) }, '(axis 0) are not read'],
      ['bits that nobody has', {}, { nbits: number(7) }, 'nbits: 1, 2, 3, 4, 5, 6, 8 are read, got 7'],
      ['no number of bits', {}, { nbits: i32(0) }, 'nbits: expected one number'],
      ['scales in 8 bits', {}, { quant_scale: number(1) }, 'quant_scale is set'],
      ['a shape beyond the file', {}, { shape: i64(2 ** 20, 32) }, 'W_q: expected [1048576,16], got [4,16]'],
      ['negative sides', {}, { shape: i64(-4, -32) }, 'shape is [-4, -32]'],
      ['groups that do not divide', {}, { group_size: number(5) }, 'groups of 5 do not divide its 32 inputs'],
    ],
  },
}

for (const [name, { config, good, bad }] of Object.entries(formats))
  describe(name, () => {
    it('opens as it should be', () => open(config, good))
    for (const [what, changed, parts, message] of bad)
      it(`refuses ${what}`, async () => {
        const opened = open({ ...config, ...changed }, { ...good, ...parts })
        await expect(opened).rejects.toThrow(message)
        await expect(opened).rejects.toBeInstanceOf(FormatError)
      })
    it('survives any shape of any part', async () => {
      const side = fc.integer({ min: 0, max: 9 })
      const shapes = fc.dictionary(fc.constantFrom(...Object.keys(good)), fc.array(side, { maxLength: 3 }), {
        maxKeys: 3,
      })
      const property = fc.asyncProperty(shapes, async changed => {
        const parts = Object.fromEntries(
          Object.entries(changed).map(([key, shape]) => [key, reshaped(good[key], shape)]),
        )
        await open(config, { ...good, ...parts }).catch(error => expect(error).toBeInstanceOf(FormatError))
      })
      await fc.assert(property, { numRuns: 200 })
    })
  })

/** Zeros of the same type. */
function reshaped(part: Tensor | undefined, shape: readonly number[]): Tensor | undefined {
  if (!part) return undefined
  const size = shape.reduce((a, b) => a * b, 1)
  const array = part.data.constructor as new (size: number) => Tensor['data']
  return { dtype: part.dtype, shape, data: new array(size) }
}

test('several groups that would give different numbers are refused, equal ones are not', async () => {
  const parts = { weight_packed: i32(8, 4), weight_scale: f16(8, 1), weight_shape: i64(8, 32) }
  const channel = { num_bits: 4, type: 'int', strategy: 'channel' }
  const config = (...weights: unknown[]) => ({
    quant_method: 'compressed-tensors',
    config_groups: Object.fromEntries(weights.map((each, i) => [`group_${i}`, { weights: each }])),
  })
  await open(config(channel, { ...channel, num_bits: 8 }, { ...channel, symmetric: false }), parts)
  // Seven bits in whole words and eight bits take as many words.
  const eight = { ...parts, weight_packed: i32(8, 8) }
  await expect(open(config({ ...channel, num_bits: 7 }, { ...channel, num_bits: 8 }), eight)).rejects.toThrow(
    'several groups of the config fit it, with different bits or group sizes',
  )
})

test('a matrix that is there twice, and a method that nobody knows', async () => {
  const config = formats.gptq!.config
  const parts = Object.entries(formats.gptq!.good).filter((part): part is [string, Tensor] => part[1] !== undefined)
  const tensors = Object.fromEntries(parts.map(([suffix, part]) => [`a.${suffix}`, part]))
  await expect(quantizedSource(config, sourceOf({ ...tensors, 'a.weight': f16(8, 32) }))).rejects.toThrow(
    'the tensor "a.weight" is stored plain and compressed',
  )
  await expect(quantizedSource({ quant_method: 'aqlm' }, sourceOf({}))).rejects.toThrow(
    'quant_method "aqlm" is not read; compressed-tensors, gptq, awq, bitsandbytes and hqq are',
  )
  expect(() => folderFormatNamed('exl2')).toThrow(`known: ${folderFormats.map(({ name }) => name).join(', ')}`)
})
