import { compareWeights, relativeChange, type WeightChange } from '@sinter/engine'
import { openModel, weigh } from '@sinter/model'
import type { TensorChange } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'

export const compare: Handler<'compare'> = async ({ original, model: path }, { signal, progress }) => {
  const base = await openModel(original)
  try {
    const model = await openModel(path)
    try {
      const changes: WeightChange[] = []
      for await (const change of compareWeights(model, base, { signal })) {
        changes.push(change)
        progress('compare', change.block + 1, base.blocks)
      }
      return {
        error: finite(relativeChange(changes)),
        original: weigh(base),
        model: weigh(model),
        tensors: changes.map(row),
      }
    } finally {
      await model.close()
    }
  } finally {
    await base.close()
  }
}

function row(change: WeightChange): TensorChange {
  const { tensor, block, name, shape, largest } = change
  return { tensor, block, name, shape, error: finite(relativeChange([change])), largest: finite(largest) ?? 0 }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
