import type { Model } from '@sinter/model'

/** How far a matrix moved. Sums, so that those of many matrices add up. */
export interface WeightChange {
  /** Its name in the checkpoint of the original. */
  readonly tensor: string
  readonly block: number
  /** Canonical, inside the block. */
  readonly name: string
  readonly shape: readonly number[]
  /** ‖W − W₀‖² */
  readonly changed: number
  /** ‖W₀‖² */
  readonly total: number
  /** max |W − W₀| */
  readonly largest: number
}

/**
 * Every matrix of the blocks that both models have with equal shape, one at a time. They are compared in the form that is computed
 * with, so that containers do not matter. Nothing comes of models with different numbers of blocks.
 * @param base what `model` was made from
 */
export async function* compareWeights(
  model: Model,
  base: Model,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<WeightChange> {
  if (model.blocks !== base.blocks) return
  for (let block = 0; block < base.blocks; block++) {
    signal?.throwIfAborted()
    const ours = await model.readBlock(block)
    const stored = base.blockTensors(block)
    for (const [key, { data, shape }] of await base.readBlock(block)) {
      const other = ours.get(key)
      if (shape.length !== 2 || other?.data.length !== data.length) continue
      const name = key.replace(/\.weight$/, '')
      const tensor = stored.get(key) ?? key
      yield { tensor, block, name, shape, ...distance(other.data, data) }
    }
  }
}

function distance(
  data: ArrayLike<number>,
  base: ArrayLike<number>,
): Pick<WeightChange, 'changed' | 'total' | 'largest'> {
  let changed = 0
  let total = 0
  let largest = 0
  for (let i = 0; i < base.length; i++) {
    const difference = Math.abs(data[i]! - base[i]!)
    changed += difference ** 2
    total += base[i]! ** 2
    if (difference > largest) largest = difference
  }
  return { changed, total, largest }
}

/** ‖W − W₀‖ / ‖W₀‖ over matrices; NaN when there are none. */
export function relativeChange(changes: Iterable<Pick<WeightChange, 'changed' | 'total'>>): number {
  let changed = 0
  let total = 0
  for (const change of changes) {
    changed += change.changed
    total += change.total
  }
  return total > 0 ? Math.sqrt(changed / total) : Number.NaN
}
