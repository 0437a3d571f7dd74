import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32, type Tensor, tensor } from '@sinter/tensor-core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeValues, encodingNamed } from '../src/formats/encodings.ts'
import { openGguf } from '../src/formats/gguf.ts'
import {
  type GgufScalar,
  type GgufScalarType,
  type GgufValue,
  ggufArray,
  ggufString,
  ggufU32,
  numberOf,
} from '../src/formats/gguf-value.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'

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
      'the number of tensors is 1125899906842624; at most 1048576 are read',
    ],
    ['more tensors than bytes', fileOf(...head(1000, 0)), 'the number of tensors is 1000, more than 24 bytes can hold'],
    [
      '2^40 keys',
      fileOf(...head(0, 2n ** 40n)),
      'the number of metadata keys is 1099511627776; at most 65536 are read',
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

const scalars: { readonly [K in GgufScalarType]: fc.Arbitrary<GgufScalar> } = {
  u8: fc.nat(255),
  i8: fc.integer({ min: -128, max: 127 }),
  u16: fc.nat(65535),
  i16: fc.integer({ min: -32768, max: 32767 }),
  u32: fc.nat(2 ** 32 - 1),
  i32: fc.integer(),
  f32: fc.float({ noNaN: true }),
  f64: fc.double({ noNaN: true }),
  bool: fc.boolean(),
  string: fc.string({ unit: 'binary' }),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
}
const scalarType = fc.constantFrom(...(Object.keys(scalars) as GgufScalarType[]))
const anyScalar = scalarType.chain(type => scalars[type].map((value): GgufValue => ({ type, value })))
const flatArray = scalarType.chain(of => fc.array(scalars[of]).map(items => ggufArray(of, items)))
const nested = fc.array(flatArray).map((value): GgufValue => ({ type: 'array', of: 'array', value }))

describe('round trips', () => {
  it('metadata of every kind, arrays of arrays included', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string(), fc.oneof(anyScalar, flatArray, nested)), { maxLength: 8 }),
        async list => {
          const metadata = new Map(list.filter(([key]) => key !== 'general.alignment'))
          const path = join(folder, `${run++}.gguf`)
          await (await createGgufWriter(path, metadata, [])).commit()
          const source = await openGguf(path)
          expect([...source.metadata]).toEqual([...metadata])
          await source.close()
        },
      ),
      { numRuns: 100 },
    )
  })

  it('a vocabulary longer than the first read', async () => {
    const tokens = Array.from({ length: 150_000 }, (_, i) => `token ${i}`)
    const path = join(folder, 'long.gguf')
    await (await createGgufWriter(path, new Map([['t', ggufArray('string', tokens)]]), [])).commit()
    const source = await openGguf(path)
    expect(source.metadata.get('t')?.value).toEqual(tokens)
    await source.close()
  })

  it('tensors in any order, plain and in blocks, whole and by rows', async () => {
    const values = Float32Array.from({ length: 6 * 64 }, (_, i) => Math.sin(i))
    const plain: readonly Tensor[] = [
      tensor('i32', [3], Int32Array.of(1, -2, 3)),
      tensor('i64', [1], BigInt64Array.of(-5n)),
    ]
    const path = join(folder, 't.gguf')
    const specs = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'].map(name => ({
      name,
      encoding: encodingNamed(name),
      shape: [6, 64],
    }))
    const writer = await createGgufWriter(path, new Map([['a', ggufU32(1)]]), [
      ...specs,
      { name: 'i32', encoding: encodingNamed('I32'), shape: [3] },
      { name: 'i64', encoding: encodingNamed('I64'), shape: [1] },
    ])
    await writer.write('i64', plain[1]!)
    for (const { name } of [...specs].reverse()) await writer.write(name, f32([6, 64], values))
    await writer.write('i32', plain[0]!)
    await writer.commit()
    expect((await readFile(path)).length).toBe(writer.bytes)
    const source = await openGguf(path)
    for (const { name, encoding } of specs) {
      const bytes = await source.readBytes(name)
      expect(bytes).toEqual(encodeValues(encoding, values))
      const whole = await source.read(name)
      expect(whole.shape).toEqual([6, 64])
      const part = await source.readRows(name, 2, 3)
      expect(part.data).toEqual(whole.data.slice(2 * 64, 5 * 64))
    }
    expect(await source.read('i32')).toEqual(plain[0])
    expect(await source.read('i64')).toEqual(plain[1])
    await expect(source.readRows('F32', 5, 2)).rejects.toThrow('tensor "F32" has rows 0 … 6: cannot read 5 … 7')
    await source.close()
  })

  it('a float comes back as the decimal that was meant', () => {
    for (const x of [1e-5, 1e-6, 0.7, 1 / 3, 500000, 1.2247449159622192, 0, 3.4e38])
      expect(Math.fround(numberOf({ type: 'f32', value: Math.fround(x) })!)).toBe(Math.fround(x))
    expect(numberOf({ type: 'f32', value: Math.fround(1e-5) })).toBe(1e-5)
  })
})

describe('the writer refuses', () => {
  const f = encodingNamed('F32')
  const path = (): string => join(folder, 'w.gguf')
  it.each<[string, Parameters<typeof createGgufWriter>[2], string]>([
    [
      'a name twice',
      [
        { name: 'a', encoding: f, shape: [1] },
        { name: 'a', encoding: f, shape: [1] },
      ],
      'the tensor "a" comes twice',
    ],
    ['a long name', [{ name: 'a'.repeat(64), encoding: f, shape: [1] }], 'ggml allows names of 63 bytes'],
    ['five axes', [{ name: 'a', encoding: f, shape: [1, 1, 1, 1, 1] }], '[1,1,1,1,1] has more than 4 axes'],
    [
      'a part of a block',
      [{ name: 'a', encoding: encodingNamed('Q8_0'), shape: [2, 33] }],
      'Q8_0 stores blocks of 32: 33 values do not divide',
    ],
  ])('%s', async (_, specs, message) => {
    await expect(createGgufWriter(path(), new Map([['a', ggufString('')]]), specs)).rejects.toThrow(message)
  })

  it('another tensor than announced, and a file without all of them', async () => {
    const writer = await createGgufWriter(path(), new Map(), [{ name: 'a', encoding: f, shape: [2] }])
    await expect(writer.write('b', f32([2], [1, 2]))).rejects.toThrow('tensor "b" was not announced')
    await expect(writer.write('a', f32([3], [1, 2, 3]))).rejects.toThrow('tensor "a": announced F32 [2], got f32 [3]')
    await expect(writer.write('a', new Uint8Array(4))).rejects.toThrow('announced F32 [2], got 4 bytes instead of 8')
    await expect(writer.commit()).rejects.toThrow('1 announced tensors were not written: a')
    await expect(readFile(path())).rejects.toThrow('ENOENT')
  })
})
