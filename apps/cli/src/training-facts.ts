import type { TrainRecipe, TrainResult } from '@sinter/engine'
import type { ReportFiles } from './finish-training.ts'
import { facts } from './terminal/table.ts'
import { amount, duration, percent, short } from './terminal/units.ts'

const trainedValues = ({ trained }: TrainResult): number => trained.reduce((sum, { values }) => sum + values, 0)

/** A finished training for people. */
export function describeTraining(recipe: TrainRecipe, result: TrainResult, files: ReportFiles | undefined): string {
  const { path, parameters, steps, tokens, seconds, losses, before, after } = result
  const values = trainedValues(result)
  return facts([
    ['written', path],
    ['method', [recipe.method.name, recipe.backbone && `on ${recipe.backbone.method}`].filter(Boolean).join(' ')],
    ['trained', `${amount(values)} values (${percent(values / parameters)} of the model's)`],
    [
      'steps',
      `${steps} in ${duration(seconds)}, ${amount(Math.round(tokens / Math.max(seconds, 1e-9)))} tokens a second`,
    ],
    ['loss', losses.length > 0 ? `${short(losses[0]!)} → ${short(losses.at(-1)!)}` : undefined],
    ['held out', before && after && heldOut(before.loss!, after.loss!)],
    ['report', files?.html],
  ])
}

/** A loss that rose is told in words: its reader should not have to compare two numbers to see it. */
const heldOut = (before: number, after: number): string =>
  `${short(before)} → ${short(after)}${after > before ? ', worse than before: lower the learning rate, or train less' : ''}`

/** The same for programs. */
export function trainingNumbers(
  { model, method, backbone, teacher }: TrainRecipe,
  result: TrainResult,
  report: ReportFiles | undefined,
): Record<string, unknown> {
  const { path, parameters, steps, tokens, seconds, losses, before, after, trained, data } = result
  return {
    model,
    out: path,
    method: method.name,
    ...(backbone && { backbone: backbone.method }),
    ...(teacher !== undefined && { teacher }),
    steps,
    tokens,
    seconds,
    loss: losses.at(-1),
    ...(before && after && { before, after }),
    trainedValues: trainedValues(result),
    parameters,
    ...data,
    ...(report && { report }),
    trained,
    losses,
  }
}
