import { type DType, dtypes } from '@sinter/tensor-core'
import { FormatError } from './format-error.ts'
import { isObject, type Json, type JsonObject, parseJsonStrict } from './json-strict.ts'

/** The format's own ceiling, so that a hostile length cannot make a reader allocate. */
export const MAX_HEADER_BYTES = 100_000_000

/** The largest checkpoints have a hundred thousand tensors in all their files. One takes some hundred bytes of memory. */
const MAX_TENSORS = 2 ** 17
/** Values in shapes, offsets and metadata. An array of empty ones takes ten times its text. */
const MAX_VALUES = 16 * MAX_TENSORS
/** `{"name": {"shape": []}}` */
const MAX_DEPTH = 3

/** Where a tensor lies; offsets count from the start of the file. */
export interface SafetensorsEntry {
  readonly name: string
  /** As in the file: `BF16`. */
  readonly encoding: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>
  readonly metadata: Readonly<Record<string, string>>
}

/** Names of the element types; the 8-bit floats of rarer kinds are handed out as raw bytes. */
const readable: { readonly [name: string]: DType } = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  F8_E4M3: 'f8e4m3',
  F8_E5M2: 'f8e5m2',
  F8_E8M0: 'u8',
  F8_E4M3FNUZ: 'u8',
  F8_E5M2FNUZ: 'u8',
  I64: 'i64',
  U64: 'u64',
  I32: 'i32',
  U32: 'u32',
  I16: 'i16',
  U16: 'u16',
  I8: 'i8',
  U8: 'u8',
  BOOL: 'bool',
}

/**
 * Checks the first eight bytes of a file.
 * @returns bytes of the JSON header
 * @throws FormatError `truncated` when the file is too short, `limit` when the header is longer than the format allows
 */
export function safetensorsHeaderLength(first8: Uint8Array, fileSize: number, where: string): number {
  if (first8.length < 8)
    throw new FormatError('truncated', `${where}: expected at least 8 bytes of safetensors, got ${first8.length}`)
  const length = new DataView(first8.buffer, first8.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES))
    throw new FormatError('limit', `${where}: the header says ${length} bytes; safetensors allows ${MAX_HEADER_BYTES}`)
  if (Number(length) + 8 > fileSize)
    throw new FormatError('truncated', `${where}: the header says ${length} bytes, but the file has ${fileSize}`)
  return Number(length)
}

/**
 * Parses and checks a header.
 * @param json the header's bytes, without the length before them
 * @throws FormatError for everything the format forbids
 */
export function parseSafetensorsHeader(json: Uint8Array, fileSize: number, where: string): SafetensorsHeader {
  if (json[0] !== 0x7b) throw new FormatError('json', `${where}: expected the header to begin with "{"`)
  checkStructure(json, where)
  const header = parseJsonStrict(json, where)
  if (!isObject(header)) throw new FormatError('schema', `${where}: expected the header to be an object`)
  const dataStart = 8 + json.length
  const entries: SafetensorsEntry[] = []
  for (const [name, value] of Object.entries(header))
    if (name !== '__metadata__') entries.push(parseEntry(name, value, dataStart, where))
  checkContiguous(entries, dataStart, fileSize, where)
  return {
    entries: new Map(entries.map(entry => [entry.name, entry])),
    metadata: parseMetadata(header.__metadata__, where),
  }
}

/** Counts what JSON would be parsed into, before it is: the text may have a hundred megabytes. */
function checkStructure(json: Uint8Array, where: string): void {
  let [depth, objects, values] = [0, 0, 0]
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]!
    if (byte === QUOTE) i = stringEnd(json, i)
    else if (byte === 0x7b || byte === 0x5b) {
      depth++
      objects += byte === 0x7b ? 1 : 0
      values++
    } else if (byte === 0x7d || byte === 0x5d) depth--
    else if (byte === 0x2c) values++
    if (depth > MAX_DEPTH || objects > MAX_TENSORS + 2 || values > MAX_VALUES) throw tooMuch(depth, where)
  }
}

const QUOTE = 0x22

function stringEnd(json: Uint8Array, open: number): number {
  let i = open + 1
  while (i < json.length && json[i] !== QUOTE) i += json[i] === 0x5c ? 2 : 1
  return i
}

const tooMuch = (depth: number, where: string): FormatError =>
  depth > MAX_DEPTH
    ? new FormatError('schema', `${where}: the header nests deeper than {name: {shape: []}}`)
    : new FormatError('limit', `${where}: at most ${MAX_TENSORS} tensors with ${MAX_VALUES} values are read`)

function parseMetadata(value: Json | undefined, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return {}
  if (!isObject(value) || Object.values(value).some(v => typeof v !== 'string'))
    throw new FormatError('schema', `${where}: expected __metadata__ to map strings to strings`)
  return value as Record<string, string>
}

function parseEntry(name: string, value: Json, dataStart: number, where: string): SafetensorsEntry {
  const label = `${where}: tensor ${JSON.stringify(name)}`
  if (!isObject(value)) throw new FormatError('schema', `${label}: expected {dtype, shape, data_offsets}`)
  const { dtype, encoding } = parseDType(value, label)
  const shape = wholeNumbers(value.shape, 'shape', label)
  const [begin, end, ...more] = wholeNumbers(value.data_offsets, 'data_offsets', label)
  if (begin === undefined || end === undefined || more.length > 0 || end < begin)
    throw new FormatError('schema', `${label}: expected data_offsets [begin, end], got [${value.data_offsets}]`)
  const bytes = byteLength(shape, dtypes[dtype].bytes, label)
  if (bytes !== end - begin)
    throw new FormatError(
      'size',
      `${label}: ${encoding} [${shape}] takes ${bytes} bytes, but its offsets span ${end - begin}`,
    )
  return { name, encoding, dtype, shape, begin: dataStart + begin, end: dataStart + end }
}

function parseDType(value: JsonObject, label: string): { dtype: DType; encoding: string } {
  const encoding = value.dtype
  const dtype = typeof encoding === 'string' && Object.hasOwn(readable, encoding) ? readable[encoding] : undefined
  if (!dtype || typeof encoding !== 'string')
    throw new FormatError(
      'dtype',
      `${label}: unknown dtype ${JSON.stringify(encoding)}; known: ${Object.keys(readable).join(' ')}`,
    )
  return { dtype, encoding }
}

function wholeNumbers(value: Json | undefined, field: string, label: string): readonly number[] {
  if (!Array.isArray(value)) throw new FormatError('schema', `${label}: expected ${field} to be an array`)
  for (const item of value as readonly Json[])
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0)
      throw new FormatError(
        'overflow',
        `${label}: expected whole numbers below 2^53 in ${field}, got ${JSON.stringify(item)}`,
      )
  return value as readonly number[]
}

/** Bytes of a tensor. @throws FormatError `overflow` */
export function byteLength(shape: readonly number[], itemBytes: number, label: string): number {
  let bytes = itemBytes
  for (const dim of shape) {
    bytes *= dim
    if (!Number.isSafeInteger(bytes))
      throw new FormatError('overflow', `${label}: the size of shape [${shape}] overflows`)
  }
  return bytes
}

/** No holes, overlaps or aliases: every byte after the header belongs to exactly one tensor. */
function checkContiguous(entries: SafetensorsEntry[], dataStart: number, fileSize: number, where: string): void {
  const sorted = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)
  let at = dataStart
  for (const { name, begin, end } of sorted) {
    const label = `${where}: tensor ${JSON.stringify(name)}`
    if (end > fileSize)
      throw new FormatError(
        'truncated',
        `${label}: ends at byte ${end}, but the file has ${fileSize}: it was cut short`,
      )
    if (begin < at)
      throw new FormatError('offsets', `${label}: begins at byte ${begin}, inside the tensor before it (to ${at})`)
    if (begin > at)
      throw new FormatError('offsets', `${label}: begins at byte ${begin}, leaving a hole after byte ${at}`)
    at = end
  }
  if (at !== fileSize)
    throw new FormatError('offsets', `${where}: the tensors end at byte ${at}, but the file has ${fileSize} bytes`)
}
