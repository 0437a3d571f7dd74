import type { Model, TensorInfo, TensorSource } from '@sinter/model'
import type { Tensor, TensorF32, Weight } from '@sinter/tensor-core'
import type { CompressedBlock } from './compress-block.ts'
import type { Journal } from './journal.ts'

/** The checkpoint as it will be: compressed and rewritten tensors from the journal, the rest from the original. */
export interface CompressedSource {
  readonly names: () => readonly string[]
  readonly info: (name: string) => TensorInfo
  readonly read: (name: string) => Promise<Tensor>
  /** The compressed form of a stored matrix, `[out, in]`, when it has one. */
  readonly weight: (name: string) => Promise<Weight | undefined>
  /** Whether the original's bytes are still good. */
  readonly changed: (name: string) => Promise<boolean>
  /** Names in an order that opens every block of the journal once. */
  readonly inBlockOrder: () => readonly string[]
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
  return {
    names: () => source.names(),
    info: name => source.info(name),
    weight,
    changed: async name => (await weight(name)) !== undefined || (await rewritten(name)) !== undefined,
    async read(name) {
      const value = (await weight(name))?.dense() ?? (await rewritten(name))
      return value ? model.storedForm(places.get(name)!.canonical, value) : source.read(name)
    },
    inBlockOrder: () => source.names().toSorted((a, b) => (places.get(a)?.block ?? -1) - (places.get(b)?.block ?? -1)),
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
