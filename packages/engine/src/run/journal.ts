import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafetensorsWriter, openSafetensors } from '@sinter/model'
import {
  type BitCount,
  decodeWeight,
  encodeWeight,
  freeBuffer,
  type StoredWeight,
  type Tensor,
  type TensorF32,
  type Weight,
} from '@sinter/tensor-core'
import type { CompressedBlock } from './compress-block.ts'
import type { LayerReport } from './events.ts'
import { openRunFolder, type RunFolder } from './run-folder.ts'

/** Everything that a run needs to go on after it was killed, in a folder beside the output. */
export interface Journal {
  readonly folder: string
  /** The first block that is not finished. */
  readonly next: number
  /** Takes the block over: the memory of its Weights is freed once they are on the disk. */
  saveBlock(block: number, result: CompressedBlock, notes: readonly JournalNote[]): Promise<void>
  readBlock(block: number): Promise<Pick<CompressedBlock, 'weights' | 'rewritten'>>
  readHead(block: number): Promise<BlockHead>
  /** Activations that enter a block, batch by batch. Older ones go once these are durable. */
  saveHidden(
    block: number,
    shapes: readonly (readonly number[])[],
    copy: (batch: number) => Promise<Tensor>,
  ): Promise<void>
  /** The latest block whose inputs are saved, at most `next`. */
  readonly hiddenAt: number
  readHidden(block: number, batch: number): Promise<Tensor>
  remove(): Promise<void>
  /** Lets other processes have it. */
  close(): Promise<void>
}

export interface JournalNote {
  readonly layer: string
  readonly code: string
  readonly message: string
  readonly value?: number
}

const blockFile = (block: number) => `block-${String(block).padStart(4, '0')}.safetensors`
const hiddenFile = (block: number) => `hidden-${String(block).padStart(4, '0')}.safetensors`

/**
 * Opens the journal of a run, or starts one.
 * @param fingerprint of model, recipe, data and version: a journal of another run is not continued
 * @throws RunError `journal-exists` when there is one and `resume` is not set, `journal-differs` when it is of another run,
 * `journal-busy` while another process is at work in it
 */
export async function openJournal(
  folder: string,
  fingerprint: string,
  blocks: number,
  resume: boolean,
): Promise<Journal> {
  const run = await openRunFolder(folder, fingerprint, resume)
  try {
    const files = new Set(await readdir(folder))
    let next = 0
    while (next < blocks && files.has(blockFile(next))) next++
    let hiddenAt = next
    while (hiddenAt > 0 && !files.has(hiddenFile(hiddenAt))) hiddenAt--
    return journalIn(folder, next, hiddenAt, run)
  } catch (error) {
    await run.close()
    throw error
  }
}

function journalIn(folder: string, next: number, hiddenAt: number, run: RunFolder): Journal {
  return {
    folder,
    next,
    hiddenAt,
    saveBlock: (block, result, notes) => saveBlock(join(folder, blockFile(block)), result, notes),
    readBlock: block => readBlock(join(folder, blockFile(block))),
    readHead: block => readHead(join(folder, blockFile(block))),
    async saveHidden(block, shapes, copy) {
      const entries = shapes.map((shape, i) => ({ name: `batch.${i}`, dtype: 'f32' as const, shape }))
      const writer = await createSafetensorsWriter(join(folder, hiddenFile(block)), entries)
      for (const i of shapes.keys()) {
        const batch = await copy(i)
        await writer.write(`batch.${i}`, batch)
        freeBuffer(batch.data)
      }
      await writer.commit()
      if (block > 0) await rm(join(folder, hiddenFile(block - 1)), { force: true })
    },
    async readHidden(block, batch) {
      const source = await openSafetensors(join(folder, hiddenFile(block)))
      try {
        return await source.read(`batch.${batch}`)
      } finally {
        await source.close()
      }
    },
    remove: run.remove,
    close: run.close,
  }
}

/** What a finished block's file says of itself, without its tensors. */
export interface BlockHead {
  readonly weights: Readonly<Record<string, StoredWeight['attributes']>>
  /** Stored bits of its compressed matrices, and how many weights they have. */
  readonly bits: BitCount
  readonly count: number
  readonly layers: readonly LayerReport[]
  readonly notes: readonly JournalNote[]
}

async function saveBlock(path: string, result: CompressedBlock, notes: readonly JournalNote[]): Promise<void> {
  const tensors = new Map<string, Tensor>()
  const weights: Record<string, StoredWeight['attributes']> = {}
  for (const [name, weight] of result.weights) {
    const stored = encodeWeight(weight)
    weights[name] = stored.attributes
    for (const [part, tensor] of Object.entries(stored.tensors)) tensors.set(`weight:${name}:${part}`, tensor)
  }
  for (const [name, tensor] of result.rewritten) tensors.set(`dense:${name}`, tensor)
  const head: BlockHead = { weights, ...sizeOfBlock(result), layers: result.layers, notes }
  const entries = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const writer = await createSafetensorsWriter(path, entries, { metadata: { sinter: JSON.stringify(head) } })
  for (const [name, tensor] of tensors) await writer.write(name, tensor)
  await writer.commit()
  for (const [name, { data }] of tensors) if (name.startsWith('weight:')) freeBuffer(data)
}

function sizeOfBlock({ weights }: CompressedBlock): Pick<BlockHead, 'bits' | 'count'> {
  const bits = { values: 0, scales: 0, zeroPoints: 0, indices: 0 }
  let count = 0
  for (const weight of weights.values()) {
    const spent = weight.bits()
    for (const kind of ['values', 'scales', 'zeroPoints', 'indices'] as const) bits[kind] += spent[kind]
    count += weight.shape[0] * weight.shape[1]
  }
  return { bits, count }
}

async function readHead(path: string): Promise<BlockHead> {
  const source = await openSafetensors(path)
  try {
    return JSON.parse(source.metadata.sinter ?? '{}') as BlockHead
  } finally {
    await source.close()
  }
}

async function readBlock(path: string): Promise<Pick<CompressedBlock, 'weights' | 'rewritten'>> {
  const source = await openSafetensors(path)
  try {
    const head = JSON.parse(source.metadata.sinter ?? '{}') as BlockHead
    const parts = new Map<string, Record<string, Tensor>>()
    const rewritten = new Map<string, TensorF32>()
    for (const name of source.names()) {
      const [kind, owner, part] = name.split(':') as [string, string, string]
      if (kind === 'dense') rewritten.set(owner, (await source.read(name)) as TensorF32)
      else parts.set(owner, { ...parts.get(owner), [part]: await source.read(name) })
    }
    const weights = new Map<string, Weight>(
      Object.entries(head.weights).map(([name, attributes]) => [
        name,
        decodeWeight({ attributes, tensors: parts.get(name) ?? {} }),
      ]),
    )
    return { weights, rewritten }
  } finally {
    await source.close()
  }
}

/** Bytes that a folder holds. */
export async function folderBytes(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    total += entry.isDirectory() ? await folderBytes(path) : (await stat(path)).size
  }
  return total
}
