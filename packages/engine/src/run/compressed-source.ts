import type { Model, TensorInfo, TensorSource } from '@sinter/model'
import type { Tensor, TensorF32, Weight } from '@sinter/tensor-core'
import type { CompressedBlock } from './compress-block.ts'
import type { Journal } from './journal.ts'

/** The checkpoint as it will be: compressed and rewritten tensors from the journal, the rest from the original. */
export interface CompressedSource {
  readonly names: () => readonly string[]
  readonly info: (name: string) => TensorInfo
  readonly read: (name: string) => Promise<Tensor>
  /** The same by rows, in order and without gaps. A piece keeps its values while the next one is made, not longer. */
  readonly pieces: (name: string) => AsyncGenerator<Piece>
  /** The compressed form of a stored matrix, `[out, in]`, when it has one. */
  readonly weight: (name: string) => Promise<Weight | undefined>
  /** Whether the original's bytes are still good. */
  readonly changed: (name: string) => Promise<boolean>
  /** Names in an order that opens every block of the journal once. */
  readonly inBlockOrder: () => readonly string[]
}

/** Rows of a tensor from row `start` on. */
export interface Piece {
  readonly start: number
  readonly rows: Tensor
}

type StoredBlock = Pick<CompressedBlock, 'weights' | 'rewritten'>

interface Place {
  readonly block: number
  readonly canonical: string
}

export function compressedSource(model: Model, journal: Journal): CompressedSource {
  const places = new Map<string, Place>()
  for (let block = 0; block < model.blocks; block++)
    for (const [canonical, stored] of model.blockTensors(block)) places.set(stored, { block, canonical })
  const blocks = oneBlockCache(journal)
  const source: TensorSource = model.source
  const weight = async (name: string): Promise<Weight | undefined> => {
    const place = places.get(name)
    if (!place?.canonical.endsWith('.weight')) return undefined
    return (await blocks(place.block)).weights.get(place.canonical.slice(0, -'.weight'.length))
  }
  const rewritten = async (name: string): Promise<TensorF32 | undefined> => {
    const place = places.get(name)
    return place && (await blocks(place.block)).rewritten.get(place.canonical)
  }
  const read = async (name: string): Promise<Tensor> => {
    const value = (await weight(name))?.dense() ?? (await rewritten(name))
    return value ? model.storedForm(places.get(name)!.canonical, value) : source.read(name)
  }
  const memory = pieceMemory()
  return {
    names: () => source.names(),
    info: name => source.info(name),
    weight,
    changed: async name => (await weight(name)) !== undefined || (await rewritten(name)) !== undefined,
    read,
    async *pieces(name) {
      const place = places.get(name)
      const found = await weight(name)
      const { shape } = source.info(name)
      if (found && !model.family.transposed?.includes(place!.canonical)) yield* weightPieces(found, memory)
      // Only an embedding or a head can be much larger than a block.
      else if (!place && shape.length === 2 && shape[0]! > 0) yield* sourcePieces(source, name, memory)
      else yield { start: 0, rows: await read(name) }
    },
    inBlockOrder: () => source.names().toSorted((a, b) => (places.get(a)?.block ?? -1) - (places.get(b)?.block ?? -1)),
  }
}

/** A checkpoint as it is, compressed matrices in the form in which they are stored. */
export function originalSource({ source }: Model): CompressedSource {
  const memory = pieceMemory()
  return {
    names: () => source.names(),
    info: name => source.info(name),
    read: name => source.read(name),
    weight: async name => source.weight?.(name),
    changed: async () => false,
    async *pieces(name) {
      const { shape } = source.info(name)
      if (shape.length === 2 && shape[0]! > 0) yield* sourcePieces(source, name, memory)
      else yield { start: 0, rows: await source.read(name) }
    },
    inBlockOrder: () => source.names(),
  }
}

/** Tensors are asked for block by block: holding one block is enough. */
function oneBlockCache(journal: Journal): (block: number) => Promise<StoredBlock> {
  let held: { readonly block: number; readonly value: Promise<StoredBlock> } | undefined
  return block => {
    if (held?.block !== block) held = { block, value: journal.readBlock(block) }
    return held.value
  }
}

/** Bytes of a piece: large enough for the disk, small enough for the cache and for models with wide rows. */
const PIECE_BYTES = 2 ** 20

/** Two buffers that are handed out in turn: one is written to the file while the other is filled. They grow for wide rows. */
function pieceMemory(): (bytes: number) => ArrayBuffer {
  const buffers = [new ArrayBuffer(PIECE_BYTES), new ArrayBuffer(PIECE_BYTES)]
  let turn = 0
  return bytes => {
    turn = 1 - turn
    if (buffers[turn]!.byteLength < bytes) buffers[turn] = new ArrayBuffer(bytes)
    return buffers[turn]!
  }
}

type Memory = ReturnType<typeof pieceMemory>

function* weightPieces(weight: Weight, memory: Memory): Generator<Piece> {
  const [rows, cols] = weight.shape
  for (const [start, count] of rowPieces(rows, 4 * cols)) {
    const data = new Float32Array(memory(4 * count * cols), 0, count * cols)
    weight.denseRows(start, start + count, data)
    yield { start, rows: { dtype: 'f32', shape: [count, cols], data } }
  }
}

async function* sourcePieces(source: TensorSource, name: string, memory: Memory): AsyncGenerator<Piece> {
  const { shape, bytes } = source.info(name)
  const rowBytes = bytes / shape[0]!
  for (const [start, count] of rowPieces(shape[0]!, rowBytes))
    yield {
      start,
      rows: await source.readRows(name, start, count, new Uint8Array(memory(count * rowBytes), 0, count * rowBytes)),
    }
}

function* rowPieces(rows: number, rowBytes: number): Generator<[start: number, count: number]> {
  const step = Math.max(1, Math.floor(PIECE_BYTES / rowBytes))
  for (let start = 0; start < rows; start += step) yield [start, Math.min(step, rows - start)]
}
