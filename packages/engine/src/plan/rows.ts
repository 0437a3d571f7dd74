import type { WeightMethod } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { Stored } from '../formats/format.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { recodingNote, refitToType } from './format-fit.ts'
import type { OutputPlan, PlanRow, Step } from './plan.ts'
import { protectedBy, stepTargets } from './rules.ts'
import { describeScheme, remainderNote } from './scheme.ts'
import { isTransform, isWeight, type ResolvedStep } from './steps.ts'
import type { Role, TensorRole } from './tensors.ts'

/**
 * What happens to every tensor of the checkpoint, and why.
 * @throws SinterError `rule` when a rule of the recipe matches nothing
 */
export function planRows(
  recipe: Recipe,
  steps: readonly ResolvedStep[],
  tensors: readonly TensorRole[],
  output: OutputPlan,
  place: Place,
): PlanRow[] {
  const kept = protectedBy(recipe.protect ?? [], tensors)
  const targets = steps.map(step =>
    isWeight(step) ? stepTargets(recipe.steps[step.index]!, step.index, tensors) : new Set<string>(),
  )
  const folding = steps.filter(isTransform).map(step => step.method.name)
  return tensors.map(tensor => {
    const own = steps.filter((step, i) => isWeight(step) && targets[i]!.has(tensor.tensor)) as ResolvedStep[]
    const glob = kept.get(tensor.tensor)
    const weightSteps = glob === undefined ? own.filter(isWeight) : []
    if (weightSteps.length > 0) return compressRow(tensor, folding, weightSteps, output, place)
    // Of what no step takes, a mix has a say in what stands outside of the blocks; the rest is kept as it is.
    const type = glob === undefined && tensor.block === null ? place.types?.get(tensor.tensor) : undefined
    const stored = place.stored(tensor.tensor, type ?? output.encoding, type !== undefined)
    const rounded = type !== undefined && tensor.shape.length > 1
    return keepRow(
      tensor,
      rounded ? `${output.encoding} has ${type} for it` : keepReason(tensor, glob, folding),
      stored,
    )
  })
}

/** Where tensors will lie. */
export interface Place {
  /** Of single tensors by stored name, when the output's type is a mix. */
  readonly types: ReadonlyMap<string, string> | undefined
  readonly stored: (tensor: string, type: string, compressed: boolean, bitsPerWeight?: number) => Stored
}

const base = ({ tensor, block, name, shape }: TensorRole) => ({ tensor, block, name, shape })

function keepRow(tensor: TensorRole, reason: string, stored: Stored): PlanRow {
  const { type, bytes } = stored
  return {
    ...base(tensor),
    action: 'keep',
    steps: [],
    scheme: type.toLowerCase(),
    bitsPerWeight: (8 * bytes) / Math.max(1, sizeOf(tensor.shape)),
    stored,
    reason,
  }
}

const protectedRoles: Partial<Readonly<Record<Role, string>>> = {
  embedding: 'embeddings are kept',
  head: 'the output embedding is kept',
  'norm or bias': 'norms and biases are kept',
  other: 'not a linear layer',
}

function keepReason(tensor: TensorRole, glob: string | undefined, transforms: readonly string[]): string {
  const why =
    glob === undefined ? (protectedRoles[tensor.role] ?? 'no step takes it') : `protected by ${JSON.stringify(glob)}`
  const rescaled = tensor.takesScales || tensor.group?.producer !== undefined
  return rescaled && transforms.length > 0 ? `${why}; ${transforms.join(' and ')} moves scales through it` : why
}

function compressRow(
  tensor: TensorRole,
  transforms: readonly string[],
  given: readonly (ResolvedStep & Step<WeightMethod>)[],
  output: OutputPlan,
  { types, stored }: Place,
): PlanRow {
  const matrix = tensor.matrix!
  const type = types?.get(tensor.tensor) ?? output.encoding
  const steps = types ? given.map(step => ({ ...step, options: optionsFor(step, output, type) })) : given
  const last = steps.at(-1)!
  const bits = last.method.bitsPerWeight(matrix, last.options)
  const notes = [
    `${[...transforms, ...steps.map(step => step.method.name)].join(', then ')}`,
    remainderNote(last.options, matrix[1]),
    recodingNote(last.method, { ...output, encoding: type }, matrix[1]),
  ]
  return {
    ...base(tensor),
    action: 'compress',
    steps: steps.map(({ method, options }) => ({ method, options })),
    scheme: steps.map(step => describeScheme(step.options)).join(' then '),
    bitsPerWeight: bits,
    stored: stored(tensor.tensor, type, true, bits),
    reason: notes.filter(note => note !== undefined).join('; '),
  }
}

/** A step's options for a matrix that a mix gives a type of its own. */
function optionsFor({ method, index, given }: ResolvedStep, output: OutputPlan, type: string): unknown {
  return method.options.parse(refitToType(method, given, output, type, `steps[${index}] (${method.name})`))
}
