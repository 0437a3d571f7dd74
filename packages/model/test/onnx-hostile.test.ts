import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { FormatError, openCheckpoint, parseOnnx, writeOnnx } from '@sinter/model'
import { randomCheckpoint } from '@sinter/model/testing'
import { createOnnxBuilder } from '@sinter/tensor-core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { METADATA_KEY } from '../src/formats/onnx/metadata.ts'
import { withTemporary } from './helpers/onnx-session.ts'

const soundRecord = { shape: [2], form: { kind: 'plain', values: 'a', dtype: 'f32' } }

type External = Readonly<Record<string, string | undefined>>

interface Parts {
  readonly name?: string
  readonly type?: number
  readonly dims?: readonly (number | bigint)[]
  readonly raw?: Uint8Array
  readonly external?: External
}

/** A tensor as nobody should write it. */
function tensor({ name = 'a', type = 1, dims = [2], raw, external }: Parts): Uint8Array {
  const writer = new BinaryWriter()
  for (const dim of dims) writer.tag(1, 0).int64(dim)
  writer.tag(2, 0).int32(type).tag(8, 2).string(name)
  if (raw) writer.tag(9, 2).bytes(raw)
  for (const [key, value] of Object.entries(external ?? {}))
    writer.tag(13, 2).bytes(new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value!).finish())
  if (external) writer.tag(14, 0).int32(1)
  return writer.finish()
}

/** Values in a field of their type, packed. */
function typed(type: number, dims: readonly number[], field: number, bytes: ArrayLike<number>): Uint8Array {
  const writer = new BinaryWriter()
  for (const dim of dims) writer.tag(1, 0).int64(dim)
  return writer.tag(2, 0).int32(type).tag(8, 2).string('a').tag(field, 2).bytes(Uint8Array.from(bytes)).finish()
}

const entry = (key: string, value: string) => new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value).finish()

function model(
  tensors: readonly Uint8Array[],
  metadata: unknown = { version: 1, tensors: { a: soundRecord }, kept: {} },
) {
  const graph = new BinaryWriter()
  for (const bytes of tensors) graph.tag(5, 2).bytes(bytes)
  const text = typeof metadata === 'string' ? metadata : JSON.stringify(metadata)
  return new BinaryWriter().tag(7, 2).bytes(graph.finish()).tag(14, 2).bytes(entry(METADATA_KEY, text)).finish()
}

const raw = new Uint8Array(8)
const place = { location: 'd', offset: '0', length: '8' }
const kept = { a: { dtype: 'f32', shape: [2], location: 'd', offset: 0, length: 8 } }
const withKept = (change: object) =>
  model([], { version: 1, tensors: { a: soundRecord }, kept: { a: { ...kept.a, ...change } } })

test('what these refusals start from is sound', () => {
  expect(parseOnnx(model([tensor({ raw })]), 'x').records.get('a')).toEqual(soundRecord)
  expect(parseOnnx(model([tensor({ external: place })]), 'x').tensors.get('a')!.data.length).toBe(8)
  expect(parseOnnx(withKept({}), 'x').tensors.get('a')!.data).toEqual({ location: 'd', offset: 0, length: 8 })
})

test('values in fields of their type are those of raw bytes', () => {
  const stored = (bytes: Uint8Array) => parseOnnx(model([bytes]), 'x').tensors.get('a')!.data as Uint8Array
  const packed = (write: (writer: BinaryWriter) => BinaryWriter) => write(new BinaryWriter()).finish()
  const floats = Float32Array.of(1.5, -2)
  expect(stored(typed(1, [2], 4, new Uint8Array(floats.buffer)))).toEqual(new Uint8Array(floats.buffer))
  const longs = packed(writer => writer.int64(-1).int64(2n ** 62n))
  expect(new BigInt64Array(stored(typed(7, [2], 7, longs)).buffer)).toEqual(BigInt64Array.of(-1n, 2n ** 62n))
  const bytes = packed(writer => writer.int32(-3).int32(127))
  expect(new Int8Array(stored(typed(3, [2], 5, bytes)).buffer)).toEqual(Int8Array.of(-3, 127))
  const halves = packed(writer => writer.int32(0xbc00))
  expect(new Uint16Array(stored(typed(10, [1], 5, halves)).buffer)).toEqual(Uint16Array.of(0xbc00))
})

const many = (count: number) => Array.from({ length: count }, (_, i) => tensor({ name: `${i}`, dims: [0] }))

test.each<[what: string, bytes: () => Uint8Array, code: string]>([
  ['an empty file', () => new Uint8Array(0), 'magic'],
  ['a safetensors file', () => new TextEncoder().encode('{"a":{"dtype":"F32"}}'), 'schema'],
  ['zeros', () => new Uint8Array(64), 'schema'],
  ['a length beyond the file', () => Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0x7f), 'truncated'],
  ['a number that does not end', () => Uint8Array.of(0x08, ...new Array(12).fill(0xff)), 'schema'],
  ['a number that is cut off', () => Uint8Array.of(0x08, 0x80), 'truncated'],
  ['a graph that is a number', () => Uint8Array.of(0x38, 0x01), 'schema'],
  ['two graphs', () => Uint8Array.of(0x3a, 0, 0x3a, 0), 'duplicate'],
  ['no metadata', () => createOnnxBuilder().finish(), 'unsupported'],
  ['two tensors of one name', () => model([tensor({ raw }), tensor({ raw })]), 'duplicate'],
  ['a type that nobody knows', () => model([tensor({ raw, type: 99 })]), 'dtype'],
  ['a text as a tensor', () => model([tensor({ raw, type: 8 })]), 'dtype'],
  ['too few bytes', () => model([tensor({ raw, dims: [3] })]), 'size'],
  ['too many bytes', () => model([tensor({ raw, dims: [1] })]), 'size'],
  ['no bytes', () => model([tensor({})]), 'size'],
  ['floats as integers', () => model([typed(1, [1], 7, [1])]), 'dtype'],
  ['fewer integers than the shape has', () => model([typed(7, [3], 7, [1, 2])]), 'size'],
  ['integers that are cut off', () => model([typed(7, [1], 7, [0x80])]), 'truncated'],
  ['an integer that does not end', () => model([typed(7, [1], 7, new Array(12).fill(0xff))]), 'schema'],
  ['a million integers and one', () => model([typed(7, [2 ** 20 + 1], 7, new Uint8Array(2 ** 20 + 1))]), 'limit'],
  ['a negative dimension', () => model([tensor({ raw, dims: [-2] })]), 'overflow'],
  ['dimensions that overflow', () => model([tensor({ raw, dims: [2n ** 40n, 2n ** 40n] })]), 'overflow'],
  ['nine dimensions', () => model([tensor({ raw, dims: [2, 1, 1, 1, 1, 1, 1, 1, 1] })]), 'limit'],
  ['a name of a megabyte', () => model([tensor({ raw, name: 'a'.repeat(2 ** 20) })]), 'limit'],
  ['more tensors than any model has', () => model(many(2 ** 17 + 1)), 'limit'],
  ['no location', () => model([tensor({ external: { offset: '0', length: '8' } })]), 'path'],
  ...['../d', '/etc/passwd', 'a/b', 'a\\b', '..', '.', 'C:d', 'a\0b', ''].map(
    location =>
      [
        `the location ${JSON.stringify(location)}`,
        () => model([tensor({ external: { ...place, location } })]),
        'path',
      ] as [string, () => Uint8Array, string],
  ),
  ['a negative offset', () => model([tensor({ external: { ...place, offset: '-8' } })]), 'offsets'],
  ['an offset that is no number', () => model([tensor({ external: { ...place, offset: '0x10' } })]), 'offsets'],
  ['an offset beyond every disk', () => model([tensor({ external: { ...place, offset: '9'.repeat(30) } })]), 'offsets'],
  ['a length that does not fit', () => model([tensor({ external: { ...place, length: '16' } })]), 'size'],
  ['metadata that are not JSON', () => model([tensor({ raw })], '{'), 'json'],
  ['metadata with a key twice', () => model([tensor({ raw })], '{"version":1,"version":1}'), 'duplicate'],
  ['metadata of another version', () => model([tensor({ raw })], { version: 2, tensors: {}, kept: {} }), 'schema'],
  ['a record without a shape', () => model([], { version: 1, tensors: { a: { form: {} } }, kept: {} }), 'schema'],
  ['a record without a form', () => model([], { version: 1, tensors: { a: { shape: [2] } }, kept: {} }), 'schema'],
  ['a stored tensor out of the folder', () => withKept({ location: '../d' }), 'path'],
  ['a stored tensor of another size', () => withKept({ length: 12 }), 'size'],
  ['a stored tensor of an unknown type', () => withKept({ dtype: 'f17' }), 'schema'],
  ['a stored tensor before the file', () => withKept({ offset: -8 }), 'schema'],
])('refused: %s', (_, bytes, code) => {
  const attempt = () => parseOnnx(bytes(), 'hostile.onnx')
  expect(attempt).toThrow(FormatError)
  expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringContaining('hostile.onnx') }))
})

/** Writes a small export, changes it, and opens it. */
const changed = (change: (folder: string) => void) =>
  withTemporary(async folder => {
    const { file } = await writeOnnx(folder, randomCheckpoint(), { type: 'q4', blockSize: 16 })
    change(folder)
    const checkpoint = await openCheckpoint(join(folder, file))
    try {
      for (const name of checkpoint.source.names()) await checkpoint.source.read(name)
    } finally {
      await checkpoint.close()
    }
  })

/** Changes what the metadata of an export say. The text keeps its length, so that the rest of the file stays sound. */
const say = (from: string, to: string) => (folder: string) => {
  const path = join(folder, 'onnx/model_q4.onnx')
  const text = readFileSync(path, 'latin1')
  expect(text).toContain(from)
  expect(to.length).toBe(from.length)
  writeFileSync(path, text.replaceAll(from, to), 'latin1')
}

test('an export that nobody touched opens', () => changed(() => {}))

test.each<[what: string, change: (folder: string) => void, code: string]>([
  ['data that are cut off', folder => truncateSync(join(folder, 'onnx/model_q4.onnx_data'), 5000), 'truncated'],
  ['a folder in place of the data', folder => mkdirSync(join(folder, 'onnx/other')), 'path'],
  ['another form', say('"kind":"nBits"', '"kind":"nBots"'), 'schema'],
  ['a form of Object', say('"kind":"nBits"', '"kind":"toStr"'), 'schema'],
  ['fewer rows', say('"rows":24', '"rows":12'), 'size'],
  ['more columns', say('"cols":16', '"cols":96'), 'size'],
  ['other bits', say('"bits":4', '"bits":9'), 'schema'],
  ['no group', say('"groupSize":16', '"groupSize":-1'), 'schema'],
  ['another part', say('q_proj.weight.codes"', 'q_proj.weight.cudes"'), 'missing'],
])('refused when it is opened or read: %s', async (what, change, code) => {
  const full = what.startsWith('a folder')
    ? (folder: string) => {
        change(folder)
        say('model_q4.onnx_data', 'other'.padEnd(18, '_'))(folder)
        mkdirSync(join(folder, 'onnx', 'other'.padEnd(18, '_')))
      }
    : change
  await expect(changed(full)).rejects.toMatchObject({ name: 'FormatError', code })
})

test('random bytes are refused, or are a model', () => {
  const sound = model([tensor({ raw }), tensor({ name: 'b', external: place })])
  const mutated = fc
    .array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map(changes => {
      const bytes = sound.slice()
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), bytes => {
      try {
        parseOnnx(bytes, 'x')
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 3000 },
  )
})
