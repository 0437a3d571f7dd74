import type { Method, TransformMethod, WeightMethod } from '@sinter/model'
import { SinterError } from '@sinter/model'
import { optionsOf } from '../recipe/parse.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { findMethod, optionFields } from '../registry/methods.ts'
import { fitToFormat } from './format-fit.ts'
import type { OutputPlan, Step } from './plan.ts'

/** A step of the recipe with its method and all of its options. */
export interface ResolvedStep extends Step {
  /** Place in the recipe. */
  readonly index: number
  /** Its options as the recipe gives them. */
  readonly given: Options
}

type Options = Readonly<Record<string, unknown>>

export const isTransform = (step: ResolvedStep): step is ResolvedStep & Step<TransformMethod> =>
  step.method.kind === 'transform'
export const isWeight = (step: ResolvedStep): step is ResolvedStep & Step<WeightMethod> => step.method.kind === 'weight'

/** Options that say what the grid is. A transform that prepares for rounding must assume the grid that comes. */
const gridKeys = ['bits', 'groupSize', 'symmetric', 'symmetricRange', 'zero', 'scaleDType']

/**
 * Methods and options of all steps: as given, then as the output's encoding asks, then the defaults.
 * @throws SinterError `option` for options that do not fit together, `rule` for a transform with targets
 */
export function resolveSteps(recipe: Recipe, output: OutputPlan): ResolvedStep[] {
  const methods = recipe.steps.map(step => findMethod(step.method))
  const given = recipe.steps.map((step, i) => {
    const where = `steps[${i}] (${step.method})`
    return fitToFormat(methods[i]!, optionsOf(step), output, where)
  })
  const resolved = methods.map((method, i) => method.options.parse(given[i]) as Options)
  return methods.map((method, index) => {
    if (method.kind === 'weight')
      return { method, index, given: optionsOf(recipe.steps[index]!), options: resolved[index]! }
    checkTransform(recipe, methods, index)
    const next = methods.findIndex((m, i) => i > index && m.kind === 'weight')
    const own = given[index]!
    return { method, index, given: own, options: method.options.parse(inherit(method, own, resolved[next]!)) }
  })
}

function checkTransform(recipe: Recipe, methods: readonly Method[], index: number): void {
  const { method, targets, blocks } = recipe.steps[index]!
  const where = `steps[${index}] (${method})`
  if (targets || blocks !== undefined)
    throw new SinterError('rule', `${where} works on every block as a whole: it takes neither targets nor blocks`)
  if (!methods.some((m, i) => i > index && m.kind === 'weight'))
    throw new SinterError(
      'rule',
      `${where} only prepares matrices for rounding: a step such as { method: rtn } or { method: gptq } must follow it`,
    )
}

/** What the transform leaves open of the grid is taken from the method that follows. */
function inherit(method: Method, given: Options, following: Options): Options {
  const own = optionFields(method)
  const open = gridKeys.filter(
    key => Object.hasOwn(own, key) && given[key] === undefined && following[key] !== undefined,
  )
  return { ...given, ...Object.fromEntries(open.map(key => [key, following[key]])) }
}
