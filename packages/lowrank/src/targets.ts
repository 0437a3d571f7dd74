import { layerMatches, type Model, SinterError, type StoredLayer, storedLayers } from '@sinter/model'
import { z } from 'zod'

/** The option of every method here that says which layers it is for. */
export const targetsOption: z.ZodType<readonly string[]> = z
  .array(z.string().min(1))
  .default([])
  .describe('Layers that get an adapter, by the end of their names (q_proj, mlp.down_proj). Default: every linear.')

/** The option that says how strongly an adapter speaks. */
export const alphaOption: z.ZodType<number> = z
  .number()
  .positive()
  .default(32)
  .describe('The adapter is multiplied by alpha / rank.')

/** A width no one needs more of: at 4096 an adapter is as large as the matrices of an 8B model. */
export const MAX_RANK = 4096

/** @throws SinterError when no layer is meant */
export function targetLayers(model: Model, targets: readonly string[], method: string): readonly StoredLayer[] {
  const layers = storedLayers(model)
  const chosen = layers.filter(({ stored }) => layerMatches(stored, targets))
  if (chosen.length > 0) return chosen
  const known = [...new Set(layers.map(({ name }) => name))].join(', ')
  throw new SinterError('recipe', `${method}: targets ${targets.join(', ')} match no layer; the model has ${known}`)
}
