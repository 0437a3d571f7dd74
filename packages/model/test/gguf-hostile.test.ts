import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openGguf } from '../src/formats/gguf.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Bytes of a file, field by field, as the specification has them: nothing of the writer under test is used. */
type Field = readonly ['u8' | 'u32' | 'u64' | 's' | 'raw' | 'pad', string | number | bigint]
function fileOf(...fields: readonly Field[]): Uint8Array {
  let out = Buffer.alloc(0)
  for (const [kind, value] of fields) {
    const piece = Buffer.alloc(kind === 'u8' ? 1 : kind === 'u32' ? 4 : kind === 'u64' ? 8 : 0)
    if (kind === 'u8') piece.writeUInt8(Number(value))
    if (kind === 'u32') piece.writeUInt32LE(Number(value))
    if (kind === 'u64') piece.writeBigUInt64LE(BigInt(value))
    out = Buffer.concat([out, piece])
    if (kind === 'raw') out = Buffer.concat([out, Buffer.from(String(value), 'latin1')])
    if (kind === 'pad')
      out = Buffer.concat([out, Buffer.alloc((Number(value) - (out.length % Number(value))) % Number(value))])
    if (kind === 's') {
      const text = Buffer.from(String(value))
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(text.length))
      out = Buffer.concat([out, length, text])
    }
  }
  return out
}

const head = (tensors: number | bigint, keys: number | bigint, version = 3): Field[] => [
  ['raw', 'GGUF'],
  ['u32', version],
  ['u64', tensors],
  ['u64', keys],
]
const info = (name: string, ne: readonly (number | bigint)[], type = 0, offset: number | bigint = 0): Field[] => [
  ['s', name],
  ['u32', ne.length],
  ...ne.map((n): Field => ['u64', n]),
  ['u32', type],
  ['u64', offset],
]
const zeros = (count: number): Field => ['raw', '\0'.repeat(count)]

describe('headers that ggml refuses, and counts that no honest file has', () => {
  const data: Field[] = [['pad', 32], zeros(64)]
  it.each<[string, Uint8Array, string]>([
    ['an empty file', fileOf(), 'the file ends at byte 0, inside the magic number at 0'],
    [
      'another kind of file',
      fileOf(['raw', 'PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaa']),
      'expected "GGUF" at the start, got "PK',
    ],
    ['version 1', fileOf(...head(0, 0, 1)), 'GGUF version 1 is not read (2 and 3 are)'],
    ['a big-endian file', fileOf(...head(0, 0, 0x03000000)), 'is not read (2 and 3 are): it is big-endian'],
    ['2^60 tensors', fileOf(...head(2n ** 60n, 0)), 'the number of tensors is 1152921504606846976'],
    [
      '2^50 tensors',
      fileOf(...head(2n ** 50n, 0)),
      'the number of tensors is 1125899906842624; at most 65536 are read',
    ],
    ['more tensors than bytes', fileOf(...head(1000, 0)), 'the number of tensors is 1000, more than 24 bytes can hold'],
    [
      '2^40 keys',
      fileOf(...head(0, 2n ** 40n)),
      'the number of metadata keys is 1099511627776; at most 16384 are read',
    ],
    [
      'a string of 2^62 bytes',
      fileOf(...head(0, 1), ['u64', 2n ** 62n], zeros(40)),
      'the length of a string is 4611686018427387904',
    ],
    [
      'a string longer than the file',
      fileOf(...head(0, 1), ['u64', 500], zeros(40)),
      'the length of a string is 500, more than 72 bytes can hold',
    ],
    [
      'a key that is not UTF-8',
      fileOf(...head(0, 1), ['u64', 2], ['raw', '\xff\xfe'], ['u32', 4], ['u32', 0]),
      'the string at byte 32 is not UTF-8',
    ],
    [
      'a key twice',
      fileOf(...head(0, 2), ['s', 'a'], ['u32', 4], ['u32', 0], ['s', 'a'], ['u32', 4], ['u32', 0]),
      'the key "a" occurs twice',
    ],
    [
      'an unknown type',
      fileOf(...head(0, 1), ['s', 'a'], ['u32', 13], zeros(8)),
      'the key "a" has the unknown type 13',
    ],
    [
      'an array of 2^40',
      fileOf(...head(0, 1), ['s', 'a'], ['u32', 9], ['u32', 4], ['u64', 2n ** 40n]),
      'the length of "a" is 1099511627776; at most 16777216 are read',
    ],
    [
      'flags that take eight times their bytes',
      fileOf(...head(0, 1), ['s', 'a'], ['u32', 9], ['u32', 7], ['u64', 8 * 2 ** 20], zeros(8 * 2 ** 20)),
      'whose metadata take 67108985 in memory is not read',
    ],
    [
      'an array longer than the file',
      fileOf(...head(0, 1), ['s', 'a'], ['u32', 9], ['u32', 4], ['u64', 1000]),
      'the length of "a" is 1000, more than 49 bytes can hold',
    ],
    [
      'arrays in arrays in arrays …',
      fileOf(
        ...head(0, 1),
        ['s', 'a'],
        ['u32', 9],
        ...Array.from({ length: 9 }, (): Field[] => [
          ['u32', 9],
          ['u64', 1],
        ]).flat(),
      ),
      'the key "a" nests arrays deeper than 4',
    ],
    ['a cut header', fileOf(...head(0, 1), ['s', 'a'], ['u32', 4]), 'the file ends at byte 37, inside a value at 37'],
    [
      'a crooked alignment',
      fileOf(...head(0, 1), ['s', 'general.alignment'], ['u32', 4], ['u32', 48]),
      'expected general.alignment to be a power of two up to 1048576, got 48',
    ],
    [
      'no alignment',
      fileOf(...head(0, 1), ['s', 'general.alignment'], ['u32', 4], ['u32', 0]),
      'expected general.alignment to be a power of two',
    ],
    ['a long name', fileOf(...head(1, 0), ...info('n'.repeat(64), [4]), ...data), 'ggml allows names of 63 bytes'],
    [
      'five dimensions',
      fileOf(...head(1, 0), ...info('a', [1, 1, 1, 1, 1]), ...data),
      'tensor "a": 5 dimensions; ggml has at most 4',
    ],
    [
      'a dimension of 2^63',
      fileOf(...head(1, 0), ...info('a', [2n ** 63n]), ...data),
      'tensor "a": a dimension is 9223372036854775808',
    ],
    [
      'a size that overflows',
      fileOf(...head(1, 0), ...info('a', [2 ** 40, 2 ** 40]), ...data),
      'the size of shape [1099511627776,1099511627776] overflows',
    ],
    [
      'an unknown ggml type',
      fileOf(...head(1, 0), ...info('a', [4], 999), ...data),
      'tensor "a": ggml type 999 is not read here',
    ],
    [
      'rows that are no blocks',
      fileOf(...head(1, 0), ...info('a', [33], 2), ...data),
      'rows of 33 do not divide into Q4_0 blocks of 32',
    ],
    [
      'a tensor twice',
      fileOf(...head(2, 0), ...info('a', [4]), ...info('a', [4], 0, 32), ...data),
      'tensor "a": occurs twice',
    ],
    [
      'a gap',
      fileOf(...head(2, 0), ...info('a', [4]), ...info('b', [4], 0, 64), ...data, zeros(32)),
      'tensor "b": lies at 64, expected 32',
    ],
    [
      'an overlap',
      fileOf(...head(2, 0), ...info('a', [4]), ...info('b', [4], 0, 0), ...data),
      'tensor "b": lies at 0, expected 32',
    ],
    [
      'a cut file',
      fileOf(...head(1, 0), ...info('a', [40]), ...data),
      'ends at byte 224, but the file has 128: it was cut short',
    ],
  ])('%s', async (_, bytes, message) => {
    const path = join(folder, 'f.gguf')
    await writeFile(path, bytes)
    await expect(openGguf(path)).rejects.toThrow(message)
    await expect(openGguf(path)).rejects.toThrow(expect.objectContaining({ name: 'FormatError' }))
  })

  it('reads what is right about the same fields', async () => {
    const path = join(folder, 'ok.gguf')
    await writeFile(
      path,
      fileOf(
        ...head(2, 1, 2),
        ['s', 'k'],
        ['u32', 9],
        ['u32', 5],
        ['u64', 1],
        ['u32', 7],
        ...info('a', [2, 3]),
        ...info('b', [4], 0, 32),
        ...data,
      ),
    )
    const source = await openGguf(path)
    expect([...source.metadata]).toEqual([['k', { type: 'array', of: 'i32', value: [7] }]])
    expect(source.info('a')).toEqual({ encoding: 'F32', dtype: 'f32', shape: [3, 2], bytes: 24 })
    expect((await source.readRows('b', 1, 2)).shape).toEqual([2])
    await source.close()
  })
})
