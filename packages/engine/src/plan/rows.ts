import type { WeightMethod } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { Stored } from '../formats/format.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { recodingNote } from './format-fit.ts'
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
  storedAs: (tensor: TensorRole) => Stored,
  output: OutputPlan,
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
    if (weightSteps.length > 0) return compressRow(tensor, folding, weightSteps, output)
    return keepRow(tensor, keepReason(tensor, glob, folding), storedAs(tensor))
  })
}

const base = ({ tensor, block, name, shape }: TensorRole) => ({ tensor, block, name, shape })

function keepRow(tensor: TensorRole, reason: string, { type, bytes }: Stored): PlanRow {
  return {
    ...base(tensor),
    action: 'keep',
    steps: [],
    scheme: type.toLowerCase(),
    bitsPerWeight: (8 * bytes) / Math.max(1, sizeOf(tensor.shape)),
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
  steps: readonly (ResolvedStep & Step<WeightMethod>)[],
  output: OutputPlan,
): PlanRow {
  const matrix = tensor.matrix!
  const last = steps.at(-1)!
  const notes = [
    `${[...transforms, ...steps.map(step => step.method.name)].join(', then ')}`,
    remainderNote(last.options, matrix[1]),
    recodingNote(last.method, output, matrix[1]),
  ]
  return {
    ...base(tensor),
    action: 'compress',
    steps: steps.map(({ method, options }) => ({ method, options })),
    scheme: steps.map(step => describeScheme(step.options)).join(' then '),
    bitsPerWeight: last.method.bitsPerWeight(matrix, last.options),
    reason: notes.filter(note => note !== undefined).join('; '),
  }
}
