/** Sparse checkpoints: what is written comes back to the bit, is as small as it says, and parts that disagree are refused. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOf, type DType, dtypes, type Tensor, toF32, totalBits } from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FormatError } from '../src/formats/format-error.ts'
import { openCheckpoint } from '../src/formats/hf-directory.ts'
import { writeConfig } from '../src/formats/hf-write.ts'
import { encodeSafetensors, openSafetensors } from '../src/formats/safetensors.ts'
import { bitmaskConfig, sparseConfig } from '../src/formats/sparse/config.ts'
import { expandSparse } from '../src/formats/sparse/source.ts'
import { type SparseInput, type SparseWriteOptions, writeSparseWeights } from '../src/formats/sparse/write.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sparse-'))
})
afterEach(() => rm(root, { recursive: true }))

type Tensors = ReadonlyMap<string, Tensor>

const tensorOf = (dtype: DType, shape: readonly number[], bits: readonly number[]): Tensor => {
  const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[dtypes[dtype].bytes as 1 | 2 | 4]
  return { dtype, shape, data: new dtypes[dtype].array(words.from(bits).buffer) } as Tensor
}

/** Tensors in memory, handed out `step` rows at a time. */
function inputOf(tensors: Tensors, step = 3): SparseInput {
  return {
    names: [...tensors.keys()],
    info: name => tensors.get(name)!,
    async *pieces(name) {
      const { dtype, shape, data } = tensors.get(name)!
      const [rows = 0, cols = 1] = shape
      for (let start = 0; start < rows; start += step) {
        const count = Math.min(step, rows - start)
        const piece = data.slice(start * cols, (start + count) * cols)
        yield { start, rows: { dtype, shape: [count, ...shape.slice(1)], data: piece } as Tensor }
      }
    },
  }
}

let folders = 0
async function write(tensors: Tensors, options: SparseWriteOptions = {}, step?: number) {
  const folder = join(root, String(folders++))
  await mkdir(folder)
  const stored = await writeSparseWeights(folder, inputOf(tensors, step), options)
  const modules = stored.map(({ name }) => name.replace(/\.weight$/, ''))
  await writeConfig(
    folder,
    options.layout === 'bitmask' ? bitmaskConfig({ a: 1 }, modules, 0.5) : sparseConfig({ a: 1 }, {}),
  )
  return { folder, stored }
}

/** A matrix of bf16 where every group of `of` keeps `kept` elements. */
function patternMatrix(rows: number, cols: number, kept: number, of: number): Tensor {
  const bits = Array.from({ length: rows * cols }, (_, k) =>
    (k * 7 + Math.floor(k / of)) % of < kept ? 0x3f80 + (k % 128) : 0,
  )
  return tensorOf('bf16', [rows, cols], bits)
}

describe('round trips', () => {
  const zero = fc.constant(0)
  const word = (max: number) =>
    fc.oneof({ weight: 3, arbitrary: zero }, fc.integer({ min: 0, max }), fc.constant(2 ** Math.floor(Math.log2(max))))
  const matrix = fc
    .record({
      rows: fc.integer({ min: 1, max: 9 }),
      cols: fc.integer({ min: 1, max: 33 }),
      dtype: fc.constantFrom<DType>('bf16', 'f16', 'f32', 'f8e4m3'),
      of: fc.constantFrom(1, 4, 8),
      kept: fc.integer({ min: 0, max: 8 }),
    })
    .chain(({ rows, cols, dtype, of, kept }) =>
      fc
        .array(word(2 ** (8 * dtypes[dtype].bytes) - 1), { minLength: rows * cols, maxLength: rows * cols })
        .map(bits =>
          tensorOf(dtype, [rows, cols], of === 1 ? bits : bits.map((b, k) => ((k * 5) % of < kept ? b : 0))),
        ),
    )

  it.each(['smallest', 'bitmask'] as const)(
    'any matrix, any piece size, as %s: the same bytes, by rows and whole',
    async layout => {
      await fc.assert(
        fc.asyncProperty(matrix, fc.integer({ min: 1, max: 9 }), fc.nat(8), fc.nat(8), async (value, step, a, b) => {
          const { folder } = await write(new Map([['m.weight', value]]), { layout }, step)
          const { source, config, close } = await openCheckpoint(folder)
          expect(config).toEqual({ a: 1 })
          expect(source.names()).toEqual(['m.weight'])
          expect(source.info('m.weight')).toMatchObject({ dtype: value.dtype, shape: value.shape })
          expect(bytesOf(await source.read('m.weight'))).toEqual(bytesOf(value))
          const [rows, cols] = value.shape as [number, number]
          const [start, end] = [Math.min(a, b, rows), Math.min(Math.max(a, b), rows)]
          const part = await source.readRows('m.weight', start, end - start)
          expect(part.shape).toEqual([end - start, cols])
          const item = dtypes[value.dtype].bytes
          expect(bytesOf(part)).toEqual(bytesOf(value).subarray(start * cols * item, end * cols * item))
          if (value.dtype !== 'f8e4m3') {
            const weight = await source.weight?.('m.weight')
            if (weight)
              expect(new Uint32Array(weight.dense().data.buffer)).toEqual(new Uint32Array(toF32(value).data.buffer))
          }
          await close()
        }),
        { numRuns: 150 },
      )
    },
  )

  it('−0 and NaN are values like others', async () => {
    const value = tensorOf('bf16', [1, 64], [0x8000, 0, 0, 0, 0, 0, 0, 0x7fc1, ...Array<number>(55).fill(0), 0xff80])
    const { folder, stored } = await write(new Map([['m.weight', value]]), { layout: 'bitmask' })
    expect(stored).toEqual([{ name: 'm.weight', form: 'bitmask', elements: 64, kept: 3 }])
    const { source, close } = await openCheckpoint(folder)
    expect((await source.read('m.weight')).data).toEqual(value.data)
    await close()
  })

  it('vectors and matrices that are not sparse lie in the file as they are', async () => {
    const dense = patternMatrix(4, 64, 8, 8)
    const sparse = patternMatrix(40, 64, 1, 4)
    const norm = tensorOf('bf16', [4], [1, 0, 0, 0])
    const all = new Map([
      ['norm.weight', norm],
      ['embed.weight', dense],
      ['a.weight', sparse],
    ])
    const { folder, stored } = await write(all)
    expect(stored.map(({ name, form }) => [name, form])).toEqual([['a.weight', '1:4']])
    const raw = await openSafetensors(join(folder, 'model.sparse.safetensors'))
    expect(raw.names().toSorted()).toEqual([
      'a.compressed',
      'a.index',
      'a.pattern',
      'a.shape',
      'embed.weight',
      'norm.weight',
    ])
    await raw.close()
    const { source, close } = await openCheckpoint(folder)
    for (const [name, value] of all) expect(bytesOf(await source.read(name))).toEqual(bytesOf(value))
    expect(await source.weight?.('embed.weight')).toBeUndefined()
    await close()
  })

  it('shards', async () => {
    const all = new Map(['a', 'b', 'c'].map(name => [`${name}.weight`, patternMatrix(16, 64, 2, 4)]))
    const { folder } = await write(all, { maxShardBytes: 1200 })
    const files = await readdir(folder)
    expect(files).toContain('model.sparse.safetensors.index.json')
    expect(files.filter(file => file.endsWith('.safetensors')).length).toBeGreaterThan(1)
    const { source, close } = await openCheckpoint(folder)
    for (const [name, value] of all) expect(bytesOf(await source.read(name))).toEqual(bytesOf(value))
    await close()
  })
})

describe('sizes', () => {
  /** Bits of a stored element, and the form. */
  async function bitsOf(value: Tensor, layout: 'smallest' | 'bitmask' = 'smallest') {
    const { folder, stored } = await write(new Map([['m.weight', value]]), { layout })
    const { source, close } = await openCheckpoint(folder)
    const { bytes } = source.info('m.weight')
    const weight = await source.weight?.('m.weight')
    await close()
    const file = layout === 'bitmask' ? 'model.safetensors' : 'model.sparse.safetensors'
    const [onDisk, plain] = [(await stat(join(folder, file))).size, bytesOf(value).length]
    return {
      form: stored[0]?.form,
      ratio: bytes / plain,
      file: onDisk / plain,
      weight: weight && totalBits(weight.bits()),
    }
  }

  it('half of the elements at random places: a mask, 9 of 16 bits', async () => {
    const bits = Array.from({ length: 512 * 576 }, (_, k) => ((Math.imul(k, 2654435761) >>> 9) & 1 ? 0x3f80 : 0))
    const kept = bits.filter(b => b !== 0).length / bits.length
    const own = await bitsOf(tensorOf('bf16', [512, 576], bits))
    expect(own.form).toBe('bitmask')
    expect(own.ratio).toBeCloseTo(kept + 1 / 16, 4)
    expect(own.file).toBeLessThan(0.57)
    // Rows' offsets cost 8 bytes a row.
    expect((await bitsOf(tensorOf('bf16', [512, 576], bits), 'bitmask')).ratio).toBeCloseTo(
      kept + 1 / 16 + 64 / (16 * 576),
      4,
    )
  })

  it.each([
    [2, 4, '2:4', 32 + 3, 64],
    [1, 4, '1:4', 16 + 2, 64],
    [4, 8, '4:8', 64 + 7, 128],
    [3, 8, '3:8', 48 + 6, 128],
  ])('%i of %i is stored as %s: %i of %i bits', async (kept, of, form, bits, plain) => {
    const found = await bitsOf(patternMatrix(256, 512, kept, of))
    expect(found.form).toBe(form)
    expect(found.ratio).toBeCloseTo(bits / plain, 3)
    expect(found.file).toBeLessThan(bits / plain + 0.002)
  })
})

describe('the layout is the documented one', () => {
  const open = async (config: object, tensors: Record<string, Tensor>) => {
    const folder = join(root, String(folders++))
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
