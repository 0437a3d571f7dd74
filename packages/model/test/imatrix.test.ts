import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodingNamed } from '../src/formats/encodings.ts'
import { openGguf } from '../src/formats/gguf.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'
import { type ImportanceMatrix, meanSquares, readImatrix, writeImatrix } from '../src/formats/imatrix.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imatrix-'))
})
afterAll(() => rm(folder, { recursive: true }))

const matrix: ImportanceMatrix = {
  entries: new Map([
    ['blk.1.ffn_up_exps.weight', { sums: Float32Array.of(1, 2, 3, 4, 5, 6), counts: [2, 0] }],
    ['blk.0.attn_q.weight', { sums: Float32Array.of(0.5, 8), counts: [16] }],
  ]),
  datasets: ['a text.txt'],
  chunks: 4,
  chunkSize: 512,
}

describe('the GGUF form', () => {
  it('comes back as it was', async () => {
    const path = join(folder, 'a.gguf')
    await writeImatrix(path, matrix)
    expect(await readImatrix(path)).toEqual(matrix)
  })

  it('has the names, shapes and keys of llama-imatrix, entries by name', async () => {
    const path = join(folder, 'b.gguf')
    await writeImatrix(path, matrix)
    const file = await openGguf(path)
    expect(file.names().map(name => [name, file.info(name).encoding, file.info(name).shape])).toEqual([
      ['blk.0.attn_q.weight.in_sum2', 'F32', [1, 2]],
      ['blk.0.attn_q.weight.counts', 'F32', [1, 1]],
      ['blk.1.ffn_up_exps.weight.in_sum2', 'F32', [2, 3]],
      ['blk.1.ffn_up_exps.weight.counts', 'F32', [2, 1]],
    ])
    expect(file.metadata.get('general.type')).toMatchObject({ type: 'string', value: 'imatrix' })
    expect(file.metadata.get('imatrix.chunk_count')).toMatchObject({ type: 'u32', value: 4 })
    expect(file.metadata.get('imatrix.chunk_size')).toMatchObject({ type: 'u32', value: 512 })
    expect(file.metadata.get('imatrix.datasets')).toMatchObject({ of: 'string', value: ['a text.txt'] })
    await file.close()
  })

  const broken: readonly [what: string, tensors: Readonly<Record<string, readonly number[]>>, message: string][] = [
    ['sums without counts', { 'x.in_sum2': [1, 2] }, 'has no tensor "x.counts"'],
    ['no sums at all', { x: [1, 2] }, 'it is no importance matrix'],
    [
      'counts that do not divide the sums',
      { 'x.in_sum2': [1, 2, 3], 'x.counts': [1, 2] },
      '3 sums do not go with 2 counts',
    ],
    ['a sum that is no number', { 'x.in_sum2': [1, Number.NaN], 'x.counts': [1] }, 'a sum is not finite'],
  ]
  it.each(broken)('%s is refused', async (_, tensors, message) => {
    const path = join(folder, 'broken.gguf')
    const encoding = encodingNamed('F32')
    const specs = Object.entries(tensors).map(([name, values]) => ({ name, encoding, shape: [values.length] }))
    const writer = await createGgufWriter(path, new Map(), specs)
    for (const [name, values] of Object.entries(tensors))
      await writer.write(name, f32([values.length], Float32Array.from(values)))
    await writer.commit()
    await expect(readImatrix(path)).rejects.toThrow(message)
  })
})

type Part = number | string | Float32Array

/** As `save_imatrix_legacy` lays it out: i32 numbers, strings after their length. */
function legacy(...parts: readonly Part[]): Uint8Array {
  const i32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer)
  const bytes = parts.map(part => {
    if (typeof part === 'number') return [i32(part)]
    if (typeof part === 'string') return [i32(part.length), new TextEncoder().encode(part)]
    return [new Uint8Array(part.buffer)]
  })
  return Buffer.concat(bytes.flat())
}

describe('the older form', () => {
  const read = async (bytes: Uint8Array): Promise<ImportanceMatrix> => {
    const path = join(folder, 'old.dat')
    await writeFile(path, bytes)
    return readImatrix(path)
  }
  const values = Float32Array.of(3, 6)

  it('is read, with and without what may be missing at its end', async () => {
    const entry = ['blk.0.attn_q.weight', 3, 2, values] as const
    const whole = await read(legacy(1, ...entry, 7, 'text.txt'))
    expect(whole).toEqual({
      entries: new Map([['blk.0.attn_q.weight', { sums: values, counts: [3] }]]),
      datasets: ['text.txt'],
      chunks: 7,
      chunkSize: 0,
    })
    expect(await read(legacy(1, ...entry))).toMatchObject({ datasets: [], chunks: 0 })
    expect([...meanSquares(whole.entries.get('blk.0.attn_q.weight')!)]).toEqual([1, 2])
  })

  it('values of an entry without calls are taken as they are', async () => {
    const { entries } = await read(legacy(1, 'x', 0, 2, values))
    expect([...meanSquares(entries.get('x')!)]).toEqual([3, 6])
  })

  it.each([
    ['nothing', legacy(), 'the file ends at byte 0'],
    ['no entries', legacy(0), 'expected the number of entries to be 1'],
    ['a name of a million bytes', legacy(1, 1_000_000), 'expected the length of a name to be 1 … 63'],
    ['more values than the file has', legacy(1, 'x', 1, 2 ** 30), 'expected the number of values of "x"'],
    ['a cut file', legacy(1, 'x', 1, 2, Float32Array.of(1)), 'inside the values of "x"'],
    ['an entry twice', legacy(2, 'x', 1, 1, Float32Array.of(1), 'x', 1, 1, Float32Array.of(1)), 'comes twice'],
    ['a text', new TextEncoder().encode('This is no importance matrix.'), 'is it an importance matrix?'],
  ])('%s is refused', (_, bytes, message) => expect(read(bytes)).rejects.toThrow(message))
})

describe('mean squares', () => {
  it('are f32 quotients, one count for each expert, and 1 where nothing was counted', () => {
    const means = meanSquares({ sums: Float32Array.of(1, 2, 5, 7), counts: [3, 0] })
    expect([...means]).toEqual([Math.fround(1 / 3), Math.fround(2 / 3), 1, 1])
  })
})
