/** Sparse checkpoints: what is written comes back to the bit, and is as small as it says. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, type DType, dtypes, type Tensor, toF32, totalBits } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../src/formats/hf-directory.ts'
import { openSafetensors } from '../src/formats/safetensors.ts'
import { patternMatrix, tensorOf, write } from './sparse-setup.ts'

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
