import { availableParallelism } from 'node:os'
import { type Model, SinterError } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { CalibrationRecipe, Recipe } from '../recipe/recipe.ts'
import { formatNamed, parseFormat } from '../registry/formats.ts'
import { checkCalibration } from './calibration-text.ts'
import { estimate, type MachineRates } from './estimate.ts'
import { checkHeld } from './held.ts'
import { checkOutput, checkSpace } from './output-place.ts'
import { storedAs } from './output-size.ts'
import type { CalibrationPlan, OutputPlan, Plan, PlanRow } from './plan.ts'
import { type Place, planRows } from './rows.ts'
import { isTransform, type ResolvedStep, resolveSteps } from './steps.ts'
import { tensorRoles } from './tensors.ts'

export interface ResolveOptions {
  /** Where the result will go: then the place and its free space are checked. */
  readonly out?: string | undefined
  /** The run goes on with what is on the disk already: its space is not asked for again. */
  readonly resume?: boolean | undefined
  /** Calibration text, when the recipe names none or another is wanted. */
  readonly calibrationText?: string | undefined
  /** Default: what the machine has. */
  readonly threads?: number | undefined
  /** Bytes of memory that the run should stay below. */
  readonly memoryBudget?: number | undefined
  /** Measured speed of the machine, for the estimate. */
  readonly rates?: Partial<MachineRates> | undefined
}

/**
 * What a recipe will do to a model on this machine: a row for every tensor, and estimates. All that can be known to fail
 * is refused here, before any work.
 * @throws SinterError `rule` or `option` when the recipe does not fit the model, `calibration` or `tokenizer` for its text,
 *   `output` and `disk-space` for the place
 */
export async function resolvePlan(model: Model, recipe: Recipe, options: ResolveOptions = {}): Promise<Plan> {
  const output = outputOf(recipe)
  const steps = resolveSteps(recipe, output)
  const tensors = tensorRoles(model)
  const rows = planRows(recipe, steps, tensors, output, placeOf(model, output, steps.some(needsData)))
  await checkHeld(model, rows, output)
  const transforms = steps.filter(isTransform).map(({ method, options }) => ({ method, options }))
  const calibration = await calibrationOf(model, recipe, steps, options.calibrationText)
  const threads = options.threads ?? availableParallelism()
  const size = rows.reduce((sum, { stored }) => sum + stored.bytes, 0)
  const { rates, memoryBudget } = options
  const cost = estimate({ model, rows, tensors, transforms, calibration, threads, outputBytes: size, rates })
  const cache = chooseCache(cost.memoryBytes, memoryBudget)
  const { memoryOnDisk, ...inMemory } = cost
  const memoryBytes = cache === 'disk' ? memoryOnDisk : cost.memoryBytes
  await checkPlace(model, output, cost.diskBytes, options)
  return {
    model: {
      path: model.path,
      family: model.family.name,
      blocks: model.blocks,
      parameters: rows.reduce((sum, row) => sum + sizeOf(row.shape), 0),
    },
    recipe,
    transforms,
    rows,
    ...(calibration && { calibration }),
    output,
    propagate: recipe.propagate ?? (weightsNeedData(rows) ? 'compressed' : 'original'),
    threads,
    ...(memoryBudget !== undefined && { memoryBudget }),
    cache,
    estimate: { ...inMemory, memoryBytes },
    warnings: warnings(rows, output, memoryBytes, memoryBudget),
  }
}

function placeOf(model: Model, output: OutputPlan, weighed: boolean): Place {
  return {
    types: formatNamed(output.container).typesOf?.(output.encoding, model, weighed),
    stored: (tensor, encoding, compressed, bitsPerWeight) =>
      storedAs({ ...output, encoding }, model.source.info(tensor), compressed, bitsPerWeight),
  }
}

const needsData = ({ method, options }: Pick<ResolvedStep, 'method' | 'options'>): boolean =>
  method.needs(options).length > 0

const weightsNeedData = (rows: readonly PlanRow[]): boolean => rows.some(row => row.steps.some(needsData))

/** @throws SinterError `option` when a type of dense tensors is asked of a container that has none */
function outputOf({ output }: Recipe): OutputPlan {
  const plan = parseFormat(output?.format ?? 'hf')
  const dtype = output?.dtype
  if (dtype === undefined || dtype === plan.encoding) return plan
  const { withDtype, name, types } = formatNamed(plan.container)
  if (!withDtype)
    throw new SinterError('option', `output: dtype ${dtype} is for the format hf; ${name} has ${types.join(', ')}`)
  return { ...plan, encoding: withDtype(dtype) }
}

const defaultCalibration: CalibrationRecipe = { samples: 128, length: 512 }

/** Absent when no step looks at data. */
async function calibrationOf(
  model: Model,
  recipe: Recipe,
  steps: readonly ResolvedStep[],
  given: string | undefined,
): Promise<CalibrationPlan | undefined> {
  const wanting = steps.filter(needsData)
  if (wanting.length === 0) return undefined
  const { text: named, samples, length } = recipe.calibration ?? defaultCalibration
  const text = given ?? named
  if (text === undefined) {
    const names = [...new Set(wanting.map(step => step.method.name))].join(' and ')
    throw new SinterError(
      'calibration',
      `${names} must see text that the model is meant for, and none was given: name a file with --calibration FILE, or ` +
        'calibration.text in the recipe',
    )
  }
  if (length > model.config.maxPositions)
    throw new SinterError(
      'calibration',
      `calibration samples of ${length} tokens: the model was made for ${model.config.maxPositions}; lower --length`,
    )
  const plan = { text, samples, length }
  await checkCalibration(model, plan)
  return plan
}

const chooseCache = (bytes: number, budget: number | undefined): Plan['cache'] =>
  budget !== undefined && bytes > budget ? 'disk' : 'memory'

async function checkPlace(
  model: Model,
  output: OutputPlan,
  diskBytes: number,
  { out, resume }: ResolveOptions,
): Promise<void> {
  if (out === undefined) return
  await checkOutput(out, output, model.path)
  if (!resume) await checkSpace(out, diskBytes)
}

function warnings(
  rows: readonly PlanRow[],
  output: OutputPlan,
  memoryBytes: number,
  budget: number | undefined,
): string[] {
  const found: string[] = []
  if (budget !== undefined && memoryBytes > budget)
    found.push(
      `the run needs about ${Math.round(memoryBytes / 2 ** 20)} MiB even with its cache on disk, more than the ` +
        `${Math.round(budget / 2 ** 20)} MiB allowed; fewer threads or shorter samples need less`,
    )
  const { warning } = formatNamed(output.container)
  if (warning !== undefined && rows.some(row => row.action === 'compress')) found.push(warning)
  for (const row of rows)
    if (row.steps.length > 1) {
      found.push(
        `several weight methods follow one another on ${row.name} and others; only what the last one makes is stored`,
      )
      break
    }
  return found
}
