import { type Encoding, encodedBytes, findEncoding } from './encodings.ts'
import { FormatError } from './format-error.ts'
import { GgufCursor } from './gguf-cursor.ts'
import { type GgufMetadata, type GgufValue, numberOf } from './gguf-value.ts'

/** A header this long holds a vocabulary of millions; it bounds what is read before the tensors are known. */
export const MAX_GGUF_HEADER_BYTES: number = 256 * 2 ** 20
/** The largest published models have a few thousand tensors. A description is 24 bytes in the file and some hundred in memory. */
const MAX_TENSORS = 2 ** 16
/** Published files have about fifty keys. */
const MAX_KEYS = 2 ** 14
/** ggml's own limits: GGML_MAX_NAME with its final zero, GGML_MAX_DIMS. */
const MAX_NAME_BYTES = 63
const MAX_DIMS = 4
/** The specification allows any power of two; beyond a page nothing is gained and padding only hides bytes. */
const MAX_ALIGNMENT = 2 ** 20

export interface GgufEntry {
  readonly name: string
  readonly encoding: Encoding
  /** Row-major `[out, in]`: the reverse of ggml's `ne`. */
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly begin: number
  readonly bytes: number
}

export interface GgufHeader {
  readonly version: number
  readonly metadata: GgufMetadata
  readonly entries: ReadonlyMap<string, GgufEntry>
}

/**
 * Parses the beginning of a GGUF file.
 * @param prefix the first bytes of the file
 * @returns undefined when the header is longer than the prefix: call again with more
 * @throws FormatError for every file that ggml refuses, and for counts no honest file has
 */
export function parseGgufHeader(prefix: Uint8Array, fileSize: number, where: string): GgufHeader | undefined {
  const cursor = new GgufCursor(prefix, fileSize, where)
  try {
    return parse(cursor, fileSize, where)
  } catch (error) {
    if (error === GgufCursor.needMore) return undefined
    throw error
  }
}

function parse(cursor: GgufCursor, fileSize: number, where: string): GgufHeader {
  const version = parseVersion(cursor, where)
  const tensors = cursor.count('the number of tensors', MAX_TENSORS, 24)
  const keys = cursor.count('the number of metadata keys', MAX_KEYS, 13)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < keys; i++) {
    const key = cursor.string()
    if (metadata.has(key)) throw new FormatError('duplicate', `${where}: the key ${JSON.stringify(key)} occurs twice`)
    metadata.set(key, cursor.value(key))
  }
  const alignment = alignmentOf(metadata, where)
  const infos: TensorInfo[] = []
  for (let i = 0; i < tensors; i++) infos.push(parseInfo(cursor, where))
  return { version, metadata, entries: place(infos, align(cursor.at, alignment), alignment, fileSize, where) }
}

function parseVersion(cursor: GgufCursor, where: string): number {
  const magic = cursor.ascii(4)
  if (magic !== 'GGUF')
    throw new FormatError('magic', `${where}: expected "GGUF" at the start, got ${JSON.stringify(magic)}`)
  const version = cursor.u32()
  if (version === 2 || version === 3) return version
  // A big-endian file shows its version with the bytes turned round.
  const hint = (version & 0xffff) === 0 ? ': it is big-endian' : ''
  throw new FormatError('version', `${where}: GGUF version ${version} is not read (2 and 3 are)${hint}`)
}

function alignmentOf(metadata: GgufMetadata, where: string): number {
  const stored = metadata.get('general.alignment')
  const alignment = stored === undefined ? 32 : (numberOf(stored) ?? 0)
  const power = Number.isInteger(alignment) && alignment > 0 && Number.isInteger(Math.log2(alignment))
  if (!power || alignment > MAX_ALIGNMENT)
    throw new FormatError(
      'limit',
      `${where}: expected general.alignment to be a power of two up to ${MAX_ALIGNMENT}, got ${alignment}`,
    )
  return alignment
}

const align = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment

interface TensorInfo {
  readonly name: string
  readonly encoding: Encoding
  readonly shape: readonly number[]
  readonly offset: number
  readonly bytes: number
}

function parseInfo(cursor: GgufCursor, where: string): TensorInfo {
  const name = cursor.string()
  const label = `${where}: tensor ${JSON.stringify(name.slice(0, 80))}`
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    throw new FormatError('limit', `${label}: ggml allows names of ${MAX_NAME_BYTES} bytes`)
  const rank = cursor.u32()
  if (rank > MAX_DIMS) throw new FormatError('limit', `${label}: ${rank} dimensions; ggml has at most ${MAX_DIMS}`)
  const ne = Array.from({ length: rank }, () => cursor.whole(`${label}: a dimension`))
  const type = cursor.u32()
  const encoding = findEncoding(type)
  if (!encoding) throw new FormatError('dtype', `${label}: ggml type ${type} is not read here`)
  const offset = cursor.whole(`${label}: the offset`)
  return { name, encoding, shape: ne.toReversed(), offset, bytes: tensorBytes(encoding, ne, label) }
}

function tensorBytes(encoding: Encoding, ne: readonly number[], label: string): number {
  const row = ne[0] ?? 1
  if (row % encoding.blockSize !== 0)
    throw new FormatError(
      'size',
      `${label}: rows of ${row} do not divide into ${encoding.name} blocks of ${encoding.blockSize}`,
    )
  let bytes = encodedBytes(encoding, row)
  for (const dim of ne.slice(1)) bytes *= dim
  if (!Number.isSafeInteger(bytes))
    throw new FormatError('overflow', `${label}: the size of shape [${ne.toReversed()}] overflows`)
  return bytes
}

/** Tensors lie in the order of their descriptions, each padded to the alignment: no gap, overlap or reuse. */
function place(
  infos: readonly TensorInfo[],
  dataStart: number,
  alignment: number,
  fileSize: number,
  where: string,
): ReadonlyMap<string, GgufEntry> {
  const entries = new Map<string, GgufEntry>()
  let expected = 0
  for (const { name, encoding, shape, offset, bytes } of infos) {
    const label = `${where}: tensor ${JSON.stringify(name)}`
    if (entries.has(name)) throw new FormatError('duplicate', `${label}: occurs twice`)
    if (offset !== expected) throw new FormatError('offsets', `${label}: lies at ${offset}, expected ${expected}`)
    const begin = dataStart + offset
    if (begin + bytes > fileSize)
      throw new FormatError(
        'truncated',
        `${label}: ends at byte ${begin + bytes}, but the file has ${fileSize}: it was cut short`,
      )
    entries.set(name, { name, encoding, shape, begin, bytes })
    expected = align(offset + bytes, alignment)
  }
  return entries
}
