/** Sparse checkpoints: the parts are those of the documentation, and parts that disagree are refused. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, dtypes, type Tensor } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../src/formats/format-error.ts'
import { openCheckpoint } from '../src/formats/hf-directory.ts'
import { encodeSafetensors } from '../src/formats/safetensors.ts'
import { sparseConfig } from '../src/formats/sparse/config.ts'
import { expandSparse } from '../src/formats/sparse/source.ts'
import { freshName, root } from './sparse-setup.ts'

describe('the layout is the documented one', () => {
  const open = async (config: object, tensors: Record<string, Tensor>) => {
    const folder = join(root, freshName())
    await mkdir(folder)
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(new Map(Object.entries(tensors))))
    return openCheckpoint(folder)
  }
  const i64 = (...values: number[]): Tensor => ({
    dtype: 'i64',
    shape: [values.length],
    data: BigInt64Array.from(values, BigInt),
  })
  const u8 = (shape: number[], ...values: number[]): Tensor => ({ dtype: 'u8', shape, data: Uint8Array.from(values) })
  const f32 = (shape: number[], ...values: number[]): Tensor => ({
    dtype: 'f32',
    shape,
    data: Float32Array.from(values),
  })
  const foreign = (format: string) => ({
    quantization_config: { quant_method: 'compressed-tensors', sparsity_config: { format } },
  })

  it('compressed-tensors’ mask: bit j of a row is bit j mod 8 of its byte ⌊j / 8⌋', async () => {
    const { source, close, config } = await open(foreign('sparse-bitmask'), {
      'x.shape': i64(2, 10),
      'x.compressed': f32([3], 1, 2, 3),
      'x.bitmask': u8([2, 2], 0b00000010, 0b10, 0b10000000, 0),
      'x.row_offsets': i64(0, 2),
    })
    expect(config).toEqual({})
    expect((await source.read('x.weight')).data).toEqual(
      Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0),
    )
    expect((await source.readRows('x.weight', 1, 1)).data).toEqual(Float32Array.of(0, 0, 0, 0, 0, 0, 0, 3, 0, 0))
    await close()
  })

  it('compressed-tensors’ 2:4: a shape that is a column, values row by row, no offsets', async () => {
    const { source, close } = await open(foreign('sparse-24-bitmask'), {
      'x.shape': { ...i64(2, 4), shape: [2, 1] },
      'x.compressed': f32([2, 2], 1, 2, 3, 0),
      'x.bitmask': u8([2, 1], 0b1001, 0b0110),
    })
    expect((await source.read('x.weight')).data).toEqual(Float32Array.of(1, 0, 0, 2, 0, 3, 0, 0))
    await close()
  })

  it('own 2:4: three bits a group, the number of its mask among 0011 0101 0110 1001 1010 1100', async () => {
    const { source, close } = await open(sparseConfig({}, {}), {
      'x.shape': i64(1, 12),
      'x.pattern': i64(2, 4),
      'x.compressed': f32([1, 6], 1, 2, 3, 4, 5, 6),
      'x.index': u8([1, 2], 5 | (0 << 3) | ((3 << 6) & 255), 3 >> 2),
    })
    expect((await source.read('x.weight')).data).toEqual(Float32Array.of(0, 0, 1, 2, 3, 4, 0, 0, 5, 0, 0, 6))
    await close()
  })

  const good = {
    'x.shape': i64(2, 10),
    'x.compressed': f32([3], 1, 2, 3),
    'x.bitmask': u8([2, 2], 2, 2, 128, 0),
    'x.row_offsets': i64(0, 2),
  }
  const pattern = {
    'x.shape': i64(1, 12),
    'x.pattern': i64(2, 4),
    'x.compressed': f32([1, 6], 1, 2, 3, 4, 5, 6),
    'x.index': u8([1, 2], 0, 0),
  }
  const without = (tensors: Record<string, Tensor>, name: string) =>
    Object.fromEntries(Object.entries(tensors).filter(([key]) => key !== name))

  it.each<[string, Record<string, Tensor>, string, string]>([
    ['a missing mask', without(good, 'x.bitmask'), 'schema', 'expected x.bitmask, or x.index with x.pattern'],
    ['both a mask and codes', { ...good, 'x.index': u8([1], 0) }, 'schema', 'expected x.bitmask, or x.index'],
    ['a missing shape', without(good, 'x.shape'), 'missing', 'x.shape'],
    ['a missing pattern', without(pattern, 'x.pattern'), 'missing', 'x.pattern'],
    [
      'the matrix also plain',
      { ...good, 'x.weight': f32([1], 1) },
      'duplicate',
      'stored both as x.weight and as x.compressed',
    ],
    ['a shape of three', { ...good, 'x.shape': i64(2, 10, 1) }, 'schema', 'expected two whole numbers, got i64 [3]'],
    ['a shape of floats', { ...good, 'x.shape': f32([2], 2, 10) }, 'schema', 'expected two whole numbers, got f32 [2]'],
    ['a negative shape', { ...good, 'x.shape': i64(2, -10) }, 'overflow', 'expected whole numbers below 2^53, got -10'],
    ['a huge shape', { ...good, 'x.shape': i64(2 ** 40, 2 ** 40) }, 'overflow', 'overflows'],
    [
      'no columns',
      { ...good, 'x.shape': i64(2, 0), 'x.bitmask': u8([2, 0]) },
      'schema',
      'expected rows and columns, got [2,0]',
    ],
    [
      'a mask for other columns',
      { ...good, 'x.shape': i64(2, 17) },
      'schema',
      'x.bitmask: expected u8 [2,3], got u8 [2,2]',
    ],
    [
      'too many values',
      { ...good, 'x.compressed': f32([21], ...Array(21).fill(1)) },
      'schema',
      'expected one list of at most 20 values, got [21]',
    ],
    [
      'offsets of other rows',
      { ...good, 'x.row_offsets': i64(0) },
      'schema',
      'x.row_offsets: expected i64 [2], got i64 [1]',
    ],
    [
      'a group size that is too large',
      { ...pattern, 'x.pattern': i64(2, 12) },
      'schema',
      'where m divides 12 columns, got 2:12',
    ],
    [
      'groups that do not divide a row',
      { ...pattern, 'x.pattern': i64(2, 5) },
      'schema',
      'where m divides 12 columns, got 2:5',
    ],
    [
      'a pattern that keeps all',
      { ...pattern, 'x.pattern': i64(4, 4) },
      'schema',
      'where m divides 12 columns, got 4:4',
    ],
    [
      'values for another pattern',
      { ...pattern, 'x.pattern': i64(1, 4) },
      'schema',
      'x.compressed: expected f32 [1,3], got f32 [1,6]',
    ],
    ['too few codes', { ...pattern, 'x.index': u8([1, 1], 0) }, 'schema', 'x.index: expected u8 [1,2], got u8 [1,1]'],
  ])('refused when opened: %s', async (_, tensors, code, message) => {
    await expect(open(sparseConfig({}, {}), tensors)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  it.each<[string, Record<string, Tensor>, string, string]>([
    [
      'fewer values than the mask keeps',
      { ...good, 'x.compressed': f32([2], 1, 2) },
      'size',
      'holds 2 values [2], but the mask keeps 3',
    ],
    [
      'more values',
      { ...good, 'x.compressed': f32([4], 1, 2, 3, 4) },
      'size',
      'holds 4 values [4], but the mask keeps 3',
    ],
    [
      'rows of unequal length',
      { ...good, 'x.compressed': f32([2, 2], 1, 2, 3, 4), 'x.bitmask': u8([2, 2], 7, 0, 1, 0) },
      'size',
      '3 of them in row 0',
    ],
    [
      'offsets that say otherwise',
      { ...good, 'x.row_offsets': i64(0, 1) },
      'offsets',
      'row 1 begins at value 1, but by the mask at 2',
    ],
    [
      'a mask behind the last column',
      { ...good, 'x.bitmask': u8([2, 2], 2, 4, 128, 0) },
      'schema',
      'ones behind its 10 columns',
    ],
    [
      'a code that no mask has',
      { ...pattern, 'x.index': u8([1, 2], 6, 0) },
      'schema',
      'code 6 of a group; expected 0 … 5',
    ],
    [
      'bits behind the last code',
      { ...pattern, 'x.index': u8([1, 2], 0, 2) },
      'schema',
      'expected zeros behind the last code',
    ],
  ])('refused when read: %s', async (_, tensors, code, message) => {
    const { source, close } = await open(sparseConfig({}, {}), tensors)
    const wanted = { code, message: expect.stringContaining(message) }
    await expect(source.read('x.weight')).rejects.toMatchObject(wanted)
    await expect(source.weight!('x.weight')).rejects.toMatchObject(wanted)
    await close()
  })

  it('parts with any bytes changed are read or refused, and nothing else', async () => {
    const whole = { mask: good, own: pattern, offsets: { ...good, 'x.shape': { ...i64(2, 10), shape: [2, 1] } } }
    const numbers = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { minLength: 1, maxLength: 4 })
    let refused = 0
    let read = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.values(whole)),
        fc.nat(3),
        numbers,
        async (tensors, which, changes) => {
          const [name, part] = Object.entries(tensors)[which]! as [string, Tensor]
          const bytes = Uint8Array.from(bytesOf(part))
          for (const [at, value] of changes) bytes[at % bytes.length] = value
          const data = new dtypes[part.dtype].array(bytes.buffer)
          try {
            const { source, close } = await open(sparseConfig({}, {}), {
              ...tensors,
              [name]: { ...part, data } as Tensor,
            })
            try {
              await source.read('x.weight')
              read++
            } finally {
              await close()
            }
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
            refused++
          }
        },
      ),
      { numRuns: 400 },
    )
    expect(Math.min(read, refused)).toBeGreaterThan(20)
  })

  it('a later version of the form is said to be one', async () => {
    await expect(open({ sinter_sparse: { version: 2 } }, good)).rejects.toMatchObject({ code: 'version' })
  })

  it('a folder that says nothing of sparse matrices is left alone', async () => {
    const { source, close } = await open({}, good)
    expect(source.has('x.weight')).toBe(false)
    expect(await expandSparse({}, source)).toEqual({ config: {}, source })
    await close()
  })
})
