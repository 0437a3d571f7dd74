import { type Model, ownCopy, SinterError, storedLayers, type WeightMethod } from '@sinter/model'
import { createPool, type Weight } from '@sinter/tensor-core'

/**
 * Every linear layer rounded by a method that needs no data, by stored name: what a frozen backbone is trained on.
 * One matrix is in memory at a time besides what was made of them.
 * @throws SinterError `recipe` for a family that keeps its matrices as `[in, out]`
 */
export async function backboneWeights(
  model: Model,
  { method, options }: { readonly method: WeightMethod; readonly options: unknown },
): Promise<Map<string, Weight>> {
  const weights = new Map<string, Weight>()
  const pool = createPool({ threads: 1 })
  try {
    for (const { stored, name } of storedLayers(model)) {
      if (model.family.transposed?.includes(`${name}.weight`))
        throw new SinterError(
          'recipe',
          `backbone: ${stored} is stored as [in, out], which backbones do not know yet; leave backbone out`,
        )
      const compute = { pool, gemm: unused, signal: undefined }
      const context = { compute, name: stored, note: () => {} }
      const layers = new Map([[name, await ownCopy(model, `${stored}.weight`)]])
      const made = await method.compress(layers, { tokens: 0, sequences: 0 }, options, context)
      weights.set(`${stored}.weight`, made.get(name)!)
    }
    return weights
  } finally {
    await pool.close()
  }
}

const unused = (): never => {
  throw new Error('a method that needs no data asked for a matrix product; it must declare what it needs')
}
