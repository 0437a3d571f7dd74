import type { TensorF32 } from '@sinter/tensor-core'
import type { TrainedKind } from './events.ts'

/** What moves, with `*` for the number of the block. */
export function trainedKinds(parameters: ReadonlyMap<string, TensorF32>): TrainedKind[] {
  const kinds = new Map<string, { tensors: number; values: number }>()
  for (const [stored, { data }] of parameters) {
    const name = stored.replace(/\.\d+\./, '.*.')
    const kind = kinds.get(name) ?? { tensors: 0, values: 0 }
    kinds.set(name, { tensors: kind.tensors + 1, values: kind.values + data.length })
  }
  return [...kinds].map(([name, kind]) => ({ name, ...kind }))
}
