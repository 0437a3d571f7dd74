import type { Resident, TensorF32 } from '@sinter/tensor-core'
import { blockConfig } from './config.ts'
import type { Model } from './model.ts'

/** Keys and values of every block for the first `length` positions. */
export interface KvCache {
  length: number
  readonly layers: (readonly [k: Resident, v: Resident] | undefined)[]
  clear(): void
}

export function createKvCache(blocks: number): KvCache {
  const layers: KvCache['layers'] = new Array(blocks).fill(undefined)
  return {
    length: 0,
    layers,
    clear() {
      for (const pair of layers) for (const resident of pair ?? []) resident.release()
      layers.fill(undefined)
      this.length = 0
    },
  }
}

/** What block `block`'s cache holds before the first position. */
export function emptyPast({ config }: Model, block: number): readonly [TensorF32, TensorF32] {
  const { kvHeads, headDim } = blockConfig(config, block)
  const nothing: TensorF32 = { dtype: 'f32', shape: [1, 0, kvHeads * headDim], data: new Float32Array(0) }
  return [nothing, nothing]
}
