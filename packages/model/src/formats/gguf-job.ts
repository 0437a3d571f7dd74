import { createPool, type Pool, sizeOf } from '@sinter/tensor-core'
import { encodeKernel, encodeRows } from './encode-rows.ts'
import { checkEncodable, type Encoding, encodedBytes } from './encodings.ts'
import { createGgufShardWriter } from './gguf-shards-write.ts'
import type { GgufMetadata } from './gguf-value.ts'
import type { GgufWriter } from './gguf-write.ts'

/** A GGUF file that is to be written: everything but the numbers, and where they come from. */
export interface GgufJob {
  readonly metadata: GgufMetadata
  readonly tensors: readonly GgufJobTensor[]
}

export interface GgufJobTensor {
  readonly name: string
  /** Row-major, `[out, in]` or `[experts, out, in]`. */
  readonly shape: readonly number[]
  /** What it is stored as. */
  readonly encoding: Encoding
  /** Mean squares of what the columns are multiplied with, `[in]` or `[experts, in]`. */
  readonly importance?: Float32Array | undefined
  /** Called when its turn comes: what is held of it is let go when the next one's has come. */
  readonly open: () => Promise<GgufRows>
}

/** The rows of a tensor as they come; those of all experts are counted through. */
export interface GgufRows {
  readonly encoding: Encoding
  /**
   * The bytes of `count` rows from row `start` on.
   * @param into memory that they fit into, which may be left alone; it may be shared
   */
  readonly read: (start: number, count: number, into: Uint8Array) => Promise<Uint8Array>
}

export interface GgufJobOptions {
  /** To encode with. Default: the caller's alone. */
  readonly threads?: number | undefined
  /** Most bytes of tensors in a file; more are spread over `NAME-00001-of-00003.gguf` … Default: one file. */
  readonly shardBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Values written so far, and those of the whole file. */
  readonly onValues?: ((done: number, total: number) => void) | undefined
  readonly onTensor?: ((done: number, total: number) => void) | undefined
}

/** Values that are read, encoded or written at a time: milliseconds of work for every thread, and little memory. */
const PIECE = 2 ** 20
/** While one piece is encoded, the next is read and the one before is written. */
const SLOTS = 3

/**
 * Writes the file. No tensor is held: pieces of rows are read, encoded by all threads and written, three at a time on their way.
 * @returns the file, or the first of several, and the bytes of all
 * @throws FormatError `disk-full`, or what a source says of its file; nothing is left behind
 */
export async function writeGgufJob(
  path: string,
  job: GgufJob,
  options: GgufJobOptions = {},
): Promise<{ readonly path: string; readonly bytes: number }> {
  const writer = await createGgufShardWriter(path, job.metadata, job.tensors, options.shardBytes)
  const pool = createPool({ threads: options.threads ?? 1 })
  try {
    await writePieces(writer, job, pool, options)
    await writer.commit()
    return { path: writer.path, bytes: writer.bytes }
  } catch (error) {
    await writer.abort()
    throw error
  } finally {
    await pool.close()
  }
}

interface Piece {
  readonly tensor: GgufJobTensor
  readonly rows: GgufRows
  readonly width: number
  readonly start: number
  readonly count: number
}

/** Pieces end with a matrix, whose importance is its own. */
async function* piecesOf(tensors: readonly GgufJobTensor[]): AsyncGenerator<Piece> {
  for (const tensor of tensors) {
    const rows = await tensor.open()
    const width = tensor.shape.at(-1) ?? 1
    const total = sizeOf(tensor.shape.slice(0, -1))
    const ofMatrix = tensor.shape.at(-2) ?? 1
    const step = Math.max(1, Math.floor(PIECE / width))
    for (let start = 0; start < total; ) {
      const count = Math.min(step, ofMatrix - (start % ofMatrix))
      yield { tensor, rows, width, start, count }
      start += count
    }
  }
}

async function writePieces(writer: GgufWriter, job: GgufJob, pool: Pool, options: GgufJobOptions): Promise<void> {
  const total = job.tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const slots = Array.from({ length: SLOTS }, () => createSlot(pool))
  const pieces = piecesOf(job.tensors)
  let turn = 0
  let done = 0
  let tensors = 0
  const begin = async (): Promise<{ piece: Piece; slot: Slot; bytes: Uint8Array } | undefined> => {
    const { value: piece } = await pieces.next()
    if (!piece) return undefined
    const slot = slots[turn++ % SLOTS]!
    await slot.written
    return { piece, slot, bytes: await slot.read(piece) }
  }
  try {
    let next = begin()
    for (let current = await next; current; current = await next) {
      options.signal?.throwIfAborted()
      next = begin()
      next.catch(() => {})
      const { piece, slot, bytes } = current
      const encoded = await slot.encode(piece, bytes)
      slot.written = writer.writeBytes(piece.tensor.name, piece.start, piece.count, encoded)
      slot.written.catch(() => {})
      done += piece.count * piece.width
      options.onValues?.(done, total)
      if (piece.start + piece.count === sizeOf(piece.tensor.shape.slice(0, -1)))
        options.onTensor?.(++tensors, job.tensors.length)
    }
  } finally {
    await Promise.allSettled(slots.map(slot => slot.written))
  }
  for (const slot of slots) await slot.written
}

interface Slot {
  /** Settles when the memory may be used again. */
  written: Promise<void>
  read(piece: Piece): Promise<Uint8Array>
  encode(piece: Piece, bytes: Uint8Array): Promise<Uint8Array>
}

/** Fewer values than this are not worth the way to another thread. */
const SMALL = 2 ** 14

/** Memory of a piece, before and after. */
function createSlot(pool: Pool): Slot {
  const source = createMemory(pool)
  const target = createMemory(pool)
  return {
    written: Promise.resolve(),
    read: ({ rows, width, start, count }) =>
      rows.read(start, count, source(count * encodedBytes(rows.encoding, width))),
    async encode({ tensor, rows: { encoding: from }, width, start, count }, bytes) {
      const { encoding } = tensor
      if (from === encoding) return bytes
      const importance = importanceOf(tensor, start)
      checkEncodable(encoding, width, importance)
      const out = target(count * encodedBytes(encoding, width))
      const args = { from: from.name, to: encoding.name, width, out, importance }
      if (count * width < SMALL || pool.threads === 1) await encodeRows({ ...args, source: bytes }, 0, count)
      else await pool.rows(encodeKernel, count, { ...args, source: shared(bytes) ? bytes : copy(bytes, source) })
      return out
    },
  }
}

/** A page that is not isolated has not even the name; there one thread does everything. */
const shared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer

function copy(bytes: Uint8Array, memory: (bytes: number) => Uint8Array): Uint8Array {
  const into = memory(bytes.length)
  into.set(bytes)
  return into
}

function importanceOf({ importance, shape }: GgufJobTensor, row: number): Float32Array | undefined {
  const width = shape.at(-1) ?? 1
  if (!importance || importance.length === width) return importance
  const matrix = Math.floor(row / shape.at(-2)!)
  return importance.subarray(matrix * width, (matrix + 1) * width)
}

/** Memory that grows; shared where other threads take part. */
function createMemory({ threads }: Pool): (bytes: number) => Uint8Array {
  let buffer: ArrayBufferLike = new ArrayBuffer(0)
  return bytes => {
    if (buffer.byteLength < bytes) buffer = threads === 1 ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes)
    return new Uint8Array(buffer, 0, bytes)
  }
}
