import { sizeOf, type Tensor, tensor } from '@sinter/tensor-core'
import { type OpenFile, openFile, type RandomAccessFile } from '../io/file.ts'
import { decodeValues, encodedBytes } from './encodings.ts'
import { FormatError } from './format-error.ts'
import { type GgufEntry, type GgufHeader, MAX_GGUF_HEADER_BYTES, parseGgufHeader } from './gguf-header.ts'
import { withShards } from './gguf-shards.ts'
import type { GgufMetadata } from './gguf-value.ts'
import { tensorOf } from './safetensors.ts'
import { checkRows, type TensorSource } from './source.ts'

/** A GGUF file whose header has been checked. Names and shapes are the file's, `[out, in]`. */
export interface GgufSource extends TensorSource {
  readonly kind: 'gguf'
  readonly metadata: GgufMetadata
  /** The stored bytes of a tensor, not decoded. */
  readBytes(name: string): Promise<Uint8Array>
  /**
   * The same of `count` rows of the last axis from row `start` on: those of all experts are counted through.
   * @param into memory for them, which may be shared
   */
  readRowBytes(name: string, start: number, count: number, into?: Uint8Array): Promise<Uint8Array>
}

/** Most headers are a vocabulary and fit; a longer one is read again with four times as much. */
const FIRST_READ = 2 ** 20
/** Block-encoded tensors are decoded in pieces, so that their bytes are never held whole beside the values. */
const DECODE_PIECE = 4 * 2 ** 20

/**
 * Opens a GGUF file, version 2 or 3, or all the files of a model by any one of them (`NAME-00001-of-00003.gguf`). Only headers are
 * read.
 * @throws FormatError for every file that ggml refuses, and for types that are not read here
 */
export async function openGguf(path: string, open: OpenFile = openFile): Promise<GgufSource> {
  const openOne = async (name: string): Promise<GgufSource> => openGgufFile(await open(name))
  return withShards(await openOne(path), path, openOne)
}

/** One GGUF file, whatever it lies in. It is closed with the source, and when it is refused. @throws as `openGguf` does */
export async function openGgufFile(file: RandomAccessFile): Promise<GgufSource> {
  try {
    return sourceOf(file, await readHeader(file))
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readHeader(file: RandomAccessFile): Promise<GgufHeader> {
  for (let length = Math.min(FIRST_READ, file.size); ; length = Math.min(length * 4, file.size)) {
    const header = parseGgufHeader(await file.read(0, length), file.size, file.path)
    if (header) return header
    if (length >= MAX_GGUF_HEADER_BYTES)
      throw new FormatError('limit', `${file.path}: the header is longer than ${MAX_GGUF_HEADER_BYTES} bytes`)
  }
}

function sourceOf(file: RandomAccessFile, header: GgufHeader): GgufSource {
  const entry = (name: string): GgufEntry => {
    const found = header.entries.get(name)
    if (!found) throw new FormatError('missing', `${file.path}: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  const readRows = async (name: string, start: number, count: number): Promise<Tensor> => {
    const found = entry(name)
    checkRows(name, found.shape, start, count)
    return readPart(file, found, start, count)
  }
  return {
    kind: 'gguf',
    metadata: header.metadata,
    names: () => [...header.entries.keys()],
    has: name => header.entries.has(name),
    info: name => {
      const { encoding, shape, bytes } = entry(name)
      return { encoding: encoding.name, dtype: encoding.dtype ?? 'f32', shape, bytes }
    },
    read: async name => {
      const found = entry(name)
      if (found.shape.length === 0)
        return tensorOf(found.encoding.dtype!, [], await file.read(found.begin, found.bytes))
      return readPart(file, found, 0, found.shape[0]!)
    },
    readRows,
    readRowBytes: async (name, start, count, into) => {
      const { encoding, shape, begin } = entry(name)
      checkRows(name, [sizeOf(shape.slice(0, -1))], start, count)
      const row = encodedBytes(encoding, shape.at(-1) ?? 1)
      // The system's calls fill shared memory as well as other.
      return file.read(begin + start * row, count * row, into as Uint8Array<ArrayBuffer> | undefined)
    },
    readBytes: async name => file.read(entry(name).begin, entry(name).bytes),
    close: () => file.close(),
  }
}

/** Rows of the first axis. A tensor of one axis of blocks has rows that are parts of a block: it is read whole. */
async function readPart(file: RandomAccessFile, entry: GgufEntry, start: number, count: number): Promise<Tensor> {
  const { encoding, shape, begin } = entry
  const shapeOut = [count, ...shape.slice(1)]
  if (encoding.dtype) {
    const row = sizeOf(shape.slice(1)) * encoding.blockBytes
    return tensorOf(encoding.dtype, shapeOut, await file.read(begin + start * row, count * row))
  }
  if (shape.length === 1) {
    const values = decodeValues(encoding, await file.read(begin, entry.bytes), shape[0]!)
    return tensor('f32', shapeOut, values.slice(start, start + count))
  }
  const width = sizeOf(shape.slice(1))
  const row = encodedBytes(encoding, width)
  const out = new Float32Array(count * width)
  const piece = Math.max(1, Math.floor(DECODE_PIECE / row))
  for (let done = 0; done < count; done += piece) {
    const rows = Math.min(piece, count - done)
    const bytes = await file.read(begin + (start + done) * row, rows * row)
    encoding.decode(bytes, out.subarray(done * width, (done + rows) * width))
  }
  return tensor('f32', shapeOut, out)
}
