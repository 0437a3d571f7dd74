import { bytesOf, sizeOf, type Tensor } from '@sinter/tensor-core'
import { createAtomicFile } from '../io/atomic.ts'
import { ByteSink } from './byte-sink.ts'
import { type Encoding, encodedBytes, encodeValues } from './encodings.ts'
import { FormatError } from './format-error.ts'
import type { GgufMetadata } from './gguf-value.ts'
import { checkRows } from './source.ts'

/** ggml's default; every reader knows it without the key. */
const ALIGNMENT = 32
/** GGML_MAX_NAME without its final zero. */
const MAX_NAME_BYTES = 63
/** Values that are encoded at a time: a piece stays in the cache and in little memory. */
const ENCODE_PIECE = 2 ** 20

export interface GgufSpec {
  readonly name: string
  readonly encoding: Encoding
  /** Row-major `[out, in]`. */
  readonly shape: readonly number[]
}

export interface GgufWriter {
  readonly path: string
  /** Bytes of the finished file. */
  readonly bytes: number
  /**
   * Writes one tensor; any order. Bytes are stored as they are; an f32 tensor is encoded.
   * @throws FormatError `schema` when it is not what was announced, `disk-full`
   */
  write(name: string, value: Tensor | Uint8Array): Promise<void>
  /** Writes rows of a tensor from row `start` on, each once: for tensors too large to be held. @throws as `write` does */
  writeRows(name: string, start: number, rows: Tensor): Promise<void>
  /** The same of rows that are encoded already; those of all experts are counted through. */
  writeBytes(name: string, start: number, count: number, bytes: Uint8Array): Promise<void>
  /** Makes the file appear. @throws FormatError `missing` when a tensor was not written */
  commit(): Promise<void>
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/**
 * Starts a GGUF file, version 3, whose tensors are handed over one by one; none is held. The file appears under its name
 * at `commit`, complete and flushed.
 * @throws FormatError `limit` on a name longer than ggml's, `duplicate`, `size` on rows that do not divide into blocks
 */
export async function createGgufWriter(
  path: string,
  metadata: GgufMetadata,
  specs: readonly GgufSpec[],
): Promise<GgufWriter> {
  const { header, places, bytes } = layoutGguf(metadata, specs)
  const missing = new Set(places.keys())
  const file = await createAtomicFile(path, bytes)
  await file.write(header, 0)
  // The padding after the last tensor is a hole of zeros; this byte gives the file its full length.
  if (bytes > header.length) await file.write(Uint8Array.of(0), bytes - 1)
  const placeOf = (name: string): Place => {
    const place = places.get(name)
    if (!place) throw new FormatError('schema', `${path}: tensor ${JSON.stringify(name)} was not announced`)
    return place
  }
  const put = async (place: Place, value: Tensor | Uint8Array): Promise<void> => {
    for (const { at, bytes: piece } of pieces(place, value)) await file.write(piece, place.begin + at)
  }
  const rowsWritten = new Map<string, number>()
  const countRows = (name: string, count: number, total: number): void => {
    const written = (rowsWritten.get(name) ?? 0) + count
    rowsWritten.set(name, written)
    if (written >= total) missing.delete(name)
  }
  return {
    path,
    bytes,
    write: async (name, value) => {
      await put(placeOf(name), value)
      missing.delete(name)
    },
    writeRows: async (name, start, rows) => {
      const place = placeOf(name)
      await put(rowsOf(place, start, rows.shape[0] ?? 0), rows)
      countRows(name, rows.shape[0] ?? 0, place.shape[0]!)
    },
    writeBytes: async (name, start, count, bytes) => {
      const place = placeOf(name)
      const flat = { ...place, shape: [sizeOf(place.shape.slice(0, -1)), place.shape.at(-1) ?? 1] }
      await put(rowsOf(flat, start, count), bytes)
      countRows(name, count, flat.shape[0]!)
    },
    commit: async () => {
      if (missing.size > 0) {
        await file.abort()
        throw new FormatError(
          'missing',
          `${path}: ${missing.size} announced tensors were not written: ${[...missing].slice(0, 3)}`,
        )
      }
      await file.commit()
    },
    abort: () => file.abort(),
  }
}

interface Place extends GgufSpec {
  readonly begin: number
  readonly bytes: number
}

/** The place of some rows of a tensor. */
function rowsOf(place: Place, start: number, count: number): Place {
  checkRows(place.name, place.shape, start, count)
  const rowBytes = place.bytes / place.shape[0]!
  const shape = [count, ...place.shape.slice(1)]
  return { ...place, shape, begin: place.begin + start * rowBytes, bytes: count * rowBytes }
}

function* pieces(place: Place, value: Tensor | Uint8Array): Generator<{ at: number; bytes: Uint8Array }> {
  const { name, encoding, shape } = place
  const wrong = (got: string): FormatError =>
    new FormatError('schema', `tensor ${JSON.stringify(name)}: announced ${encoding.name} [${shape}], got ${got}`)
  if (value instanceof Uint8Array) {
    if (value.length !== place.bytes) throw wrong(`${value.length} bytes instead of ${place.bytes}`)
    yield { at: 0, bytes: value }
  } else if (value.shape.join() !== shape.join()) throw wrong(`${value.dtype} [${value.shape}]`)
  else if (value.dtype === encoding.dtype) yield { at: 0, bytes: bytesOf(value) }
  else if (value.dtype === 'f32') yield* encodedPieces(encoding, value.data as Float32Array, shape.at(-1) ?? 1)
  else throw wrong(`${value.dtype} [${value.shape}]`)
}

function* encodedPieces(
  encoding: Encoding,
  values: Float32Array,
  width: number,
): Generator<{ at: number; bytes: Uint8Array }> {
  const piece = width * Math.max(1, Math.floor(ENCODE_PIECE / width))
  const rowBytes = encodedBytes(encoding, width)
  for (let done = 0; done < values.length; done += piece)
    yield {
      at: (done / width) * rowBytes,
      bytes: encodeValues(encoding, values.subarray(done, Math.min(done + piece, values.length)), width),
    }
}

const align = (at: number): number => Math.ceil(at / ALIGNMENT) * ALIGNMENT

/** The bytes before the data, and where each tensor will lie. */
export function layoutGguf(
  metadata: GgufMetadata,
  specs: readonly GgufSpec[],
): { readonly header: Uint8Array; readonly places: ReadonlyMap<string, Place>; readonly bytes: number } {
  const sink = new ByteSink()
  sink.bytes(new TextEncoder().encode('GGUF'))
  sink.scalar('u32', 3)
  sink.scalar('u64', BigInt(specs.length))
  const keys = [...metadata].filter(([key]) => key !== 'general.alignment')
  sink.scalar('u64', BigInt(keys.length))
  for (const [key, value] of keys) {
    sink.scalar('string', key)
    sink.typed(value)
  }
  const offsets = putInfos(sink, specs)
  const header = sink.finish()
  const dataStart = align(header.length)
  const places = new Map<string, Place>()
  let bytes = dataStart
  for (const [i, spec] of specs.entries()) {
    const place = { ...spec, begin: dataStart + offsets[i]!, bytes: specBytes(spec) }
    places.set(spec.name, place)
    bytes = align(place.begin + place.bytes)
  }
  return { header, places, bytes }
}

const specBytes = ({ encoding, shape }: GgufSpec): number =>
  encodedBytes(encoding, shape.at(-1) ?? 1) * sizeOf(shape.slice(0, -1))

function putInfos(sink: ByteSink, specs: readonly GgufSpec[]): readonly number[] {
  const seen = new Set<string>()
  const offsets: number[] = []
  let offset = 0
  for (const spec of specs) {
    const { name, encoding, shape } = spec
    if (seen.has(name)) throw new FormatError('duplicate', `gguf: the tensor ${JSON.stringify(name)} comes twice`)
    if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
      throw new FormatError(
        'limit',
        `gguf: tensor ${JSON.stringify(name)}: ggml allows names of ${MAX_NAME_BYTES} bytes`,
      )
    if (shape.length > 4)
      throw new FormatError('limit', `gguf: tensor ${JSON.stringify(name)}: [${shape}] has more than 4 axes`)
    seen.add(name)
    sink.scalar('string', name)
    sink.scalar('u32', shape.length)
    for (const dim of shape.toReversed()) sink.scalar('u64', BigInt(dim))
    sink.scalar('u32', encoding.ggmlType)
    sink.scalar('u64', BigInt(offset))
    offsets.push(offset)
    offset = align(offset + specBytes(spec))
  }
  return offsets
}
