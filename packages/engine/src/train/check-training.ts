import { type Model, type Optimizer, SinterError, type TrainSetup } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'
import { checkOutput, checkSpace } from '../plan/output-place.ts'
import { outputBytes } from '../plan/output-size.ts'
import { parseFormat } from '../registry/formats.ts'
import { durableTensors } from './checkpoint.ts'
import type { TrainOptions } from './events.ts'
import { optimizerFor } from './train-parts.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * What can be known to fail before anything is read or computed.
 * @throws SinterError or FormatError `output` for a place that cannot be written, SinterError `tokenizer` for a model without
 * one, `recipe` for rows longer than a model can read
 */
export async function checkTraining(
  model: Model,
  teachers: readonly Model[],
  recipe: TrainRecipe,
  { out }: TrainOptions,
): Promise<void> {
  await checkOutput(out, parseFormat(recipe.output.format), model.path)
  if (!model.hasTokenizer)
    throw new SinterError(
      'tokenizer',
      `${model.path} has no tokenizer, and text cannot be read without one: put its tokenizer.json into the model's folder`,
    )
  for (const [who, { config }] of [
    ['the model', model] as const,
    ...teachers.map(teacher => ['the teacher', teacher] as const),
  ])
    if (recipe.data.length > config.maxPositions)
      throw new SinterError(
        'recipe',
        `data.length: rows of ${recipe.data.length} tokens; ${who} was made for ${config.maxPositions}: lower the length`,
      )
}

/**
 * Room for two checkpoints, for a new one is complete before the old one goes; for the optimizer's pages; and for the result.
 * @throws SinterError `disk-space` with both numbers
 */
export async function checkTrainingSpace(
  model: Model,
  setup: TrainSetup,
  recipe: TrainRecipe,
  { out, resume }: TrainOptions,
): Promise<void> {
  // What is on the disk already is not asked for again.
  if (resume) return
  const { optimizer, options } = optimizerFor(recipe)
  const states = stateBytes(setup.parameters, optimizer, options)
  const checkpoint = bytesOf([...durableTensors(setup).values()].map(({ data }) => data)) + states
  const pages = recipe.pagedOptimizer ? states : 0
  const result = recipe.output.adapterOnly ? 0 : outputBytes(model, parseFormat(recipe.output.format), new Map())
  await checkSpace(out, 2 * checkpoint + pages + result)
}

/** What the optimizer remembers. */
function stateBytes(
  parameters: ReadonlyMap<string, TensorF32>,
  optimizer: Optimizer,
  options: Readonly<Record<string, unknown>>,
): number {
  // Every block has the same shapes: each state is made once.
  const byShape = new Map<string, number>()
  let sum = 0
  for (const { shape } of parameters.values()) {
    const key = shape.join()
    const known = byShape.get(key) ?? bytesOf(Object.values(optimizer.state(shape, options)))
    byShape.set(key, known)
    sum += known
  }
  return sum
}

const bytesOf = (arrays: readonly ArrayBufferView[]): number =>
  arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
