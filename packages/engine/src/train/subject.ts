import { type Model, overlayWeights, SinterError, type TrainSetup } from '@sinter/model'
import type { Weight } from '@sinter/tensor-core'
import { averaged } from './averaging.ts'
import { backboneWeights } from './backbone.ts'
import type { Teaching } from './teaching.ts'
import { backboneOf, methodOf } from './train-parts.ts'
import type { TrainRecipe } from './train-recipe.ts'

/** What is trained: the model on its backbone, and what the method adds to it. */
export interface Subject {
  readonly model: Model
  readonly setup: TrainSetup
  readonly frozen: ReadonlyMap<string, Weight>
  /** Puts the average of the parameters in their place, if there is one. */
  finish(): void
}

/**
 * @param besides what is trained for a comparison with the teacher, and not written
 * @throws SinterError `recipe` or `option` for what does not fit the model
 */
export async function setUp(original: Model, recipe: TrainRecipe, besides: Teaching['parameters']): Promise<Subject> {
  const backbone = backboneOf(recipe)
  const frozen = backbone ? await backboneWeights(original, backbone) : new Map<string, Weight>()
  const model = frozen.size > 0 ? original.over(overlayWeights(original.source, frozen)) : original
  const { method, options } = methodOf(recipe)
  const own = await method.setUp(model, options, { seed: recipe.seed })
  const together = besides.size > 0 ? { ...own, parameters: new Map([...own.parameters, ...besides]) } : own
  const { setup, finish } = averaged(together, recipe.average)
  // Tracing the blocks finds what does not fit, before any text is read.
  for (let block = 0; block < model.blocks; block++)
    model.tracedBlock(block, { rewrite: setup.rewrite, documents: true })
  if (recipe.output.adapterOnly && !setup.adapter)
    throw new SinterError(
      'recipe',
      `output.adapterOnly: what ${method.name} trains is not an adapter alone; leave it out, and the whole model is written`,
    )
  return { model, setup, frozen, finish }
}
