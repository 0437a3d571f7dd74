import { type Model, type Optimizer, SinterError } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'
import { checkOutput, checkSpace } from '../plan/output-place.ts'
import { outputBytes } from '../plan/output-size.ts'
import { parseFormat } from '../registry/formats.ts'
import { checkTeacher } from './check-teacher.ts'
import type { TrainOptions } from './events.ts'
import { optimizerFor } from './train-parts.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * What can be known to fail before anything is read or computed.
 * @throws SinterError or FormatError `output` for a place that cannot be written, SinterError `tokenizer` for a model without
 * one or a teacher with another, `recipe` for rows longer than a model can read
 */
export async function checkTraining(
  model: Model,
  teacher: Model | undefined,
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
    ...(teacher ? [['the teacher', teacher] as const] : []),
  ])
    if (recipe.data.length > config.maxPositions)
      throw new SinterError(
        'recipe',
        `data.length: rows of ${recipe.data.length} tokens; ${who} was made for ${config.maxPositions}: lower the length`,
      )
  if (teacher) checkTeacher(model, teacher)
}

/**
 * Room for two checkpoints, for a new one is complete before the old one goes; for the optimizer's pages; and for the result.
 * @throws SinterError `disk-space` with both numbers
 */
export async function checkTrainingSpace(
  model: Model,
  parameters: ReadonlyMap<string, TensorF32>,
  recipe: TrainRecipe,
  { out, resume }: TrainOptions,
): Promise<void> {
  // What is on the disk already is not asked for again.
  if (resume) return
  const { optimizer, options } = optimizerFor(recipe)
  const checkpoint = checkpointBytes(parameters, optimizer, options)
  const result = outputBytes(model, parseFormat(recipe.output.format), new Set())
  await checkSpace(out, (recipe.pagedOptimizer ? 3 : 2) * checkpoint + result)
}

function checkpointBytes(
  parameters: ReadonlyMap<string, TensorF32>,
  optimizer: Optimizer,
  options: Readonly<Record<string, unknown>>,
): number {
  // Every block has the same shapes: each state is made once.
  const stateBytes = new Map<string, number>()
  let sum = 0
  for (const { shape, data } of parameters.values()) {
    const key = shape.join()
    const known = stateBytes.get(key) ?? bytesOf(Object.values(optimizer.state(shape, options)))
    stateBytes.set(key, known)
    sum += data.byteLength + known
  }
  return sum
}

const bytesOf = (arrays: readonly ArrayBufferView[]): number =>
  arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
