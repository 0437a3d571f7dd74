import { type TensorF32, toF32 } from '@sinter/tensor-core'
import type { Model } from '../model.ts'

/** A linear layer of a model: where it is and what it is called in the checkpoint. */
export interface StoredLayer {
  readonly block: number
  /** Inside the block, without `.weight`. */
  readonly name: string
  /** In the checkpoint, without `.weight`: what tensors that a method adds to it are named after. */
  readonly stored: string
  readonly shape: readonly [out: number, width: number]
}

/** Every linear layer of the blocks, in order of use. */
export function storedLayers(model: Model): readonly StoredLayer[] {
  return Array.from({ length: model.blocks }, (_, block) => {
    const names = model.blockTensors(block)
    const { shapes } = model.tracedBlock(block, {})
    return model.blockGraph(block).linears.map(({ name }) => ({
      block,
      name,
      stored: names.get(`${name}.weight`)!.slice(0, -'.weight'.length),
      shape: shapes.get(`${name}.weight`) as readonly [number, number],
    }))
  }).flat()
}

/**
 * Whether a layer is meant: by its last name (`q_proj`), more of it (`self_attn.q_proj`) or all of it; an empty list means every one.
 */
export const layerMatches = (stored: string, targets: readonly string[]): boolean =>
  targets.length === 0 || targets.some(target => stored === target || stored.endsWith(`.${target}`))

/** A stored tensor in f32 that may be changed. */
export async function ownCopy(model: Model, name: string): Promise<TensorF32> {
  const { shape, data } = toF32(await model.source.read(name))
  return { dtype: 'f32', shape, data: data.slice() }
}
