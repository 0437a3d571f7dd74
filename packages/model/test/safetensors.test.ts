import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOf, type DType, dtypes, type Tensor, zeros } from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors, openSafetensors } from '../src/formats/safetensors.ts'
import { openSafetensorsIndex } from '../src/formats/safetensors-shards.ts'
import { createSafetensorsWriter } from '../src/formats/safetensors-write.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** A file around a header given as text: nothing of ours decides what is in it. */
function fileOf(header: string, data = 0, claimedLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header)
  const out = new Uint8Array(8 + json.length + data)
  new DataView(out.buffer).setBigUint64(0, claimedLength ?? BigInt(json.length), true)
  out.set(json, 8)
  return out
}
const entry = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets })

describe("the format's reject list: each file is refused, and the message says why", () => {
  const one = entry('F32', [2], [0, 8])
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'f: expected at least 8 bytes of safetensors, got 0'],
    [
      'a header of 2^60 bytes',
      fileOf('{}', 0, 2n ** 60n),
      'f: the header says 1152921504606846976 bytes; safetensors allows 100000000',
    ],
    ['a header longer than the file', fileOf('{}', 0, 4096n), 'f: the header says 4096 bytes, but the file has 10'],
    ['a header that is no object', fileOf('[]'), 'f: expected the header to begin with "{"'],
    ['a header that begins with a space', fileOf(' {}'), 'f: expected the header to begin with "{"'],
    ['broken JSON', fileOf('{"a":'), 'f: not valid JSON'],
    ['bad UTF-8', (f => f.fill(0xff, 9, 10))(fileOf('{"a":1}')), 'f: not valid UTF-8'],
    ['duplicate names', fileOf(`{"a":${one},"a":${one}}`, 8), 'f: the key "a" occurs twice'],
    ['duplicate names in disguise', fileOf(`{"a":${one},"\\u0061":${one}}`, 8), 'f: the key "a" occurs twice'],
    [
      'duplicate fields',
      fileOf('{"a":{"dtype":"U8","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
      'the key "dtype" occurs twice',
    ],
    [
      'an unknown dtype',
      fileOf(`{"a":${entry('F12', [2], [0, 8])}}`, 8),
      'f: tensor "a": unknown dtype "F12"; known: F64 F32',
    ],
    ['a dtype named like a built-in', fileOf(`{"a":${entry('toString', [2], [0, 8])}}`, 8), 'unknown dtype "toString"'],
    [
      'shape × dtype ≠ bytes',
      fileOf(`{"a":${entry('F32', [3], [0, 8])}}`, 8),
      'f: tensor "a": F32 [3] takes 12 bytes, but its offsets span 8',
    ],
    [
      'a negative dimension',
      fileOf(`{"a":${entry('F32', [-2], [0, 8])}}`, 8),
      'expected whole numbers below 2^53 in shape, got -2',
    ],
    [
      'a dimension of 2^60',
      fileOf(`{"a":${entry('F32', [2 ** 60], [0, 8])}}`, 8),
      'expected whole numbers below 2^53 in shape',
    ],
    [
      'a product that overflows',
      fileOf(`{"a":${entry('F32', [2 ** 40, 2 ** 40, 0], [0, 0])}}`),
      'the size of shape [1099511627776,1099511627776,0] overflows',
    ],
    [
      'offsets in reverse',
      fileOf(`{"a":${entry('F32', [2], [8, 0])}}`, 8),
      'expected data_offsets [begin, end], got [8,0]',
    ],
    [
      'three offsets',
      fileOf(`{"a":${entry('F32', [2], [0, 8, 8])}}`, 8),
      'expected data_offsets [begin, end], got [0,8,8]',
    ],
    [
      'overlapping tensors',
      fileOf(`{"a":${one},"b":${entry('F32', [2], [4, 12])}}`, 12),
      'tensor "b": begins at byte 120, inside the tensor before it (to 124)',
    ],
    ['aliased tensors', fileOf(`{"a":${one},"b":${one}}`, 8), 'inside the tensor before it'],
    ['arrays in arrays', fileOf(`{"a":${'['.repeat(1e6)}`), 'f: the header nests deeper than {name: {shape: []}}'],
    [
      'millions of arrays',
      fileOf(`{"a":[${'[],'.repeat(2 ** 21)}[]]}`),
      'f: at most 131072 tensors with 2097152 values',
    ],
    ['more tensors than any', fileOf(`{"a":${'{},'.repeat(2 ** 17 + 2)}`), 'f: at most 131072 tensors with'],
    ['a hole', fileOf(`{"a":${entry('F32', [2], [4, 12])}}`, 12), 'leaving a hole after byte'],
    ['a cut file', fileOf(`{"a":${one}}`, 7), 'tensor "a": ends at byte 70, but the file has 69: it was cut short'],
    [
      'bytes after the last tensor',
      fileOf(`{"a":${one}}`, 9),
      'f: the tensors end at byte 70, but the file has 71 bytes',
    ],
    [
      'metadata that is no text',
      fileOf('{"__metadata__":{"a":1}}'),
      'f: expected __metadata__ to map strings to strings',
    ],
    ['an entry that is no object', fileOf('{"a":1}'), 'f: tensor "a": expected {dtype, shape, data_offsets}'],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(message)
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(expect.objectContaining({ name: 'FormatError' }))
  })

  it('from disk as well as from memory', async () => {
    const path = join(folder, 'cut.safetensors')
    await writeFile(path, fileOf(`{"a":${one}}`, 7))
    await expect(openSafetensors(path)).rejects.toThrow('cut short')
    await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow('none: no such file')
    await expect(openSafetensors(folder)).rejects.toThrow('expected a file')
  })
})

const all = Object.keys(dtypes) as DType[]

describe('round trips', () => {
  it('every dtype, any shape, through memory and through a file, byte for byte', async () => {
    const tensors = fc.uniqueArray(
      fc.tuple(
        fc.string({ maxLength: 8 }),
        fc.constantFrom(...all),
        fc.array(fc.nat(4), { maxLength: 3 }),
        fc.nat(255),
      ),
      { selector: ([name]) => name, maxLength: 6 },
    )
    let run = 0
    await fc.assert(
      fc.asyncProperty(tensors, async list => {
        const map = new Map<string, Tensor>()
        for (const [name, dtype, shape, seed] of list) {
          if (name === '__metadata__') continue
          const t = zeros(dtype, shape)
          bytesOf(t).forEach((_, i, bytes) => {
            bytes[i] = seed * 31 + i * 7
          })
          map.set(name, t)
        }
        const path = join(folder, `${run++}.safetensors`)
        const writer = await createSafetensorsWriter(
          path,
          [...map].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
          { metadata: { format: 'pt' } },
        )
        for (const [name, t] of [...map].reverse()) await writer.write(name, t)
        await writer.commit()
        expect(Buffer.compare(await readFile(path), encodeSafetensors(map, { format: 'pt' }))).toBe(0)
        const source = await openSafetensors(path)
        expect(source.metadata).toEqual({ format: 'pt' })
        expect([...source.names()].sort()).toEqual([...map.keys()].sort())
        for (const [name, t] of map) expect(await source.read(name)).toEqual(t)
        await source.close()
        for (const [name, t] of decodeSafetensors(await readFile(path)).tensors) expect(t).toEqual(map.get(name))
      }),
      { numRuns: 40 },
    )
  })

  it('reads rows without the rest, and refuses rows that are not there', async () => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i)
    const path = join(folder, 'rows.safetensors')
    await writeFile(path, encodeSafetensors(new Map([['w', { dtype: 'f32', shape: [4, 3], data }]])))
    const source = await openSafetensors(path)
    expect(await source.readRows('w', 1, 2)).toEqual({ dtype: 'f32', shape: [2, 3], data: data.slice(3, 9) })
    await expect(source.readRows('w', 3, 2)).rejects.toThrow('tensor "w" has rows 0 … 4: there are no 3 … 5')
    await expect(source.read('x')).rejects.toThrow('has no tensor "x"')
    expect(source.info('w')).toEqual({ encoding: 'F32', dtype: 'f32', shape: [4, 3], bytes: 48 })
    await source.close()
  })

  it('lays the widest elements first, then by name, and pads the header to eight bytes', () => {
    const bytes = encodeSafetensors(
      new Map<string, Tensor>([
        ['z', zeros('u8', [3])],
        ['b', zeros('f32', [1])],
        ['a', zeros('f32', [1])],
      ]),
    )
    expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n)
    const header = new TextDecoder().decode(bytes.subarray(8))
    expect(header).toMatch(/^\{"a":.*"b":.*"z":/)
  })
})

describe('the writer', () => {
  it('shows nothing under the name before it is complete, and nothing at all when it is given up', async () => {
    const path = join(folder, 'w.safetensors')
    const spec = [{ name: 'a', dtype: 'f32', shape: [2] } as const]
    const writer = await createSafetensorsWriter(path, spec)
    expect(await readdir(folder)).toEqual(['.w.safetensors.partial'])
    await expect(writer.write('a', zeros('f32', [3]))).rejects.toThrow('tensor "a": announced f32 [2], got f32 [3]')
    await expect(writer.write('b', zeros('f32', [3]))).rejects.toThrow('tensor "b": announced nothing, got f32 [3]')
    await expect(writer.commit()).rejects.toThrow('1 announced tensors were not written: a')
    expect(await readdir(folder)).toEqual([])
  })

  it('takes a tensor row by row, in any order, and is complete with the last of them', async () => {
    const path = join(folder, 'rows.safetensors')
    const whole: Tensor = { dtype: 'i16', shape: [5, 3], data: Int16Array.from({ length: 15 }, (_, k) => k) }
    const rows = (start: number, end: number): Tensor => ({
      dtype: 'i16',
      shape: [end - start, 3],
      data: whole.data.slice(3 * start, 3 * end),
    })
    const writer = await createSafetensorsWriter(path, [{ name: 'a', dtype: 'i16', shape: [5, 3] }])
    await writer.writeRows('a', 3, rows(3, 5))
    await expect(writer.writeRows('a', 4, rows(0, 2))).rejects.toThrow('there are no 4 … 6')
    await expect(writer.writeRows('a', 0, { ...rows(0, 2), shape: [3, 2] })).rejects.toThrow('got i16 [3,2]')
    expect(writer.complete).toBe(false)
    await writer.writeRows('a', 0, rows(0, 3))
    expect(writer.complete).toBe(true)
    await writer.commit()
    expect(Buffer.compare(await readFile(path), encodeSafetensors(new Map([['a', whole]])))).toBe(0)
  })

  it('refuses a name twice', async () => {
    const spec = { name: 'a', dtype: 'f32', shape: [2] } as const
    await expect(createSafetensorsWriter(join(folder, 'x'), [spec, spec])).rejects.toThrow(
      'the name "a" cannot be written (again)',
    )
  })
})

describe('shards', () => {
  const index = (map: Record<string, unknown>): string =>
    JSON.stringify({ metadata: { total_size: 8 }, weight_map: map })
  const indexPath = (): string => join(folder, 'in', 'model.safetensors.index.json')
  beforeEach(async () => {
    await mkdir(join(folder, 'in'))
    const shard = (name: string, value: number): Uint8Array =>
      encodeSafetensors(new Map([[name, { dtype: 'f32', shape: [1], data: Float32Array.of(value) } as Tensor]]))
    await writeFile(join(folder, 'in', 'one.safetensors'), shard('a', 1))
    await writeFile(join(folder, 'in', 'two.safetensors'), shard('b', 2))
    await writeFile(join(folder, 'outside.safetensors'), shard('secret', 3))
  })

  it('reads each tensor from its shard', async () => {
    await writeFile(indexPath(), index({ a: 'one.safetensors', b: 'two.safetensors' }))
    const source = await openSafetensorsIndex(indexPath())
    expect(source.names()).toEqual(['a', 'b'])
    expect((await source.read('b')).data[0]).toBe(2)
    await source.close()
  })

  it.each<[string, unknown, string]>([
    [
      'out of the folder',
      '../outside.safetensors',
      'expected the name of a file beside the index, got "../outside.safetensors"',
    ],
    ['an absolute path', '/etc/passwd', 'expected the name of a file beside the index, got "/etc/passwd"'],
    ['a Windows path', 'c:\\x', 'expected the name of a file beside the index, got "c:\\\\x"'],
    ['a subfolder', 'sub/one.safetensors', 'expected the name of a file beside the index'],
    ['the folder itself', '..', 'expected the name of a file beside the index, got ".."'],
    ['a number', 7, 'expected the name of a file beside the index, got 7'],
    ['a missing shard', 'three.safetensors', 'model.safetensors.index.json: the shard three.safetensors is not there'],
    ['a shard without the tensor', 'two.safetensors', 'says "a" is in two.safetensors, which does not hold it'],
  ])('refuses an index that names %s', async (_, file, message) => {
    await writeFile(indexPath(), index({ a: file }))
    await expect(openSafetensorsIndex(indexPath())).rejects.toThrow(message)
  })

  it('refuses an index with a tensor twice, or without a map', async () => {
    await writeFile(indexPath(), '{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}')
    await expect(openSafetensorsIndex(indexPath())).rejects.toThrow('the key "a" occurs twice')
    await writeFile(indexPath(), '{}')
    await expect(openSafetensorsIndex(indexPath())).rejects.toThrow('expected {"weight_map": {tensor: file}}')
  })
})
