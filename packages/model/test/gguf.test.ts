import { mkdtemp, readFile, rm } from 'node:fs/promises'
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
    for (const { name } of [...specs].reverse())
      if (name === 'Q4_0') {
        await writer.writeRows(name, 4, f32([2, 64], values.slice(4 * 64)))
        await expect(writer.writeRows(name, 5, f32([2, 64], values.slice(0, 2 * 64)))).rejects.toThrow(
          'there are no 5 … 7',
        )
        await writer.writeRows(name, 0, f32([4, 64], values.slice(0, 4 * 64)))
      } else await writer.write(name, f32([6, 64], values))
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
    await expect(source.readRows('F32', 5, 2)).rejects.toThrow('tensor "F32" has rows 0 … 6: there are no 5 … 7')
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
