import type { Recipe, RecipeInput } from '@sinter/engine'
import { type Command, Option } from 'commander'
import { UsageError } from './failure.ts'
import { byteCount, collect, decimal, threadsFlag, wholeNumber } from './flags.ts'
import { assignment, given } from './given.ts'

/** The flags of `plan` and `compress`: a recipe, or a method with its options in short form. */
export interface RecipeFlags {
  readonly recipe?: string
  readonly method?: string
  readonly bits?: number
  readonly groupSize?: number
  readonly symmetric?: boolean
  readonly asymmetric?: boolean
  readonly actOrder?: boolean
  readonly mse?: boolean
  readonly damping?: number
  readonly sparsity?: number
  readonly pattern?: string
  readonly set?: readonly string[]
  readonly targets?: readonly string[]
  readonly blocks?: string
  readonly protect?: readonly string[]
  readonly calibration?: string
  readonly samples?: number
  readonly length?: number
  readonly propagate?: 'compressed' | 'original'
  readonly format?: string
  readonly dtype?: 'keep' | 'f32' | 'f16' | 'bf16'
  readonly evaluate?: string
  readonly windows?: number
  readonly windowLength?: number
  readonly seed?: number
  readonly threads?: number
  readonly memory?: number
}

export function recipeFlags(command: Command): Command {
  return outputGroup(calibrationGroup(methodGroup(command)))
    .optionsGroup('Machine:')
    .addOption(threadsFlag())
    .addOption(
      new Option('--memory <bytes>', 'budget, such as 500MB; what does not fit goes to disk').argParser(byteCount),
    )
    .optionsGroup('Other:')
}

function methodGroup(command: Command): Command {
  return command
    .optionsGroup('What to do (a recipe or a method):')
    .option('--recipe <file|preset>', 'a recipe file, or a preset of `sinter methods`')
    .option('--method <name>', 'one method with the options below; awq is followed by rounding')
    .addOption(new Option('--bits <n>', 'bits of a code').argParser(wholeNumber(1, 16)))
    .addOption(
      new Option('--group-size <n>', 'inputs that share a scale; -1: the whole row').argParser(
        wholeNumber(-1, 2 ** 31),
      ),
    )
    .addOption(new Option('--symmetric', 'no stored zero points').conflicts('asymmetric'))
    .addOption(new Option('--asymmetric', 'a zero point a group'))
    .option('--act-order', 'gptq: columns with the largest activations first')
    .option('--no-act-order', 'gptq: columns as they stand')
    .option('--mse', 'shrink ranges where that lowers the error')
    .addOption(new Option('--damping <share>', 'of the mean diagonal of the Hessian').argParser(decimal(0, 1)))
    .addOption(new Option('--sparsity <share>', 'of the weights that become zero').argParser(decimal(0, 1)))
    .option('--pattern <n:m>', 'n zeros in every m inputs, such as 2:4')
    .addOption(new Option('--set <key=value>', 'any other option of the method; may be repeated').argParser(collect))
    .option('--targets <glob...>', 'which matrices: self_attn.*, mlp.up_proj; default: every linear layer')
    .option('--blocks <ranges>', 'which blocks: 0-3,7; default: all')
    .option('--protect <glob...>', 'matrices that stay as they are')
}

function calibrationGroup(command: Command): Command {
  return command
    .optionsGroup('Calibration:')
    .option('--calibration <file>', 'plain text like what the model will read')
    .addOption(new Option('--samples <n>', 'sequences from the start of the text').argParser(wholeNumber(1, 1e6)))
    .addOption(new Option('--length <n>', 'tokens of a sequence').argParser(wholeNumber(1, 1e6)))
    .addOption(new Option('--propagate <what>', 'what later layers see').choices(['compressed', 'original']))
    .addOption(new Option('--seed <n>', 'of everything drawn at random').argParser(wholeNumber(0, 2 ** 53 - 1)))
}

function outputGroup(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--format <format>', 'hf, gguf:TYPE such as gguf:Q4_0, or onnx:q4')
    .addOption(new Option('--dtype <type>', 'of dense tensors in hf').choices(['keep', 'f32', 'f16', 'bf16']))
    .option('--evaluate <file>', 'text for perplexity and KL in the report')
    .addOption(new Option('--windows <n>', 'windows of that text').argParser(wholeNumber(1, 1e6)))
    .addOption(new Option('--window-length <n>', 'tokens of a window').argParser(wholeNumber(3, 1e6)))
}

/** The recipe that the flags stand for. @throws UsageError, or SinterError of the engine for what is in the recipe */
export async function recipeOf(flags: RecipeFlags): Promise<Recipe> {
  const { checkRecipe } = await import('@sinter/engine')
  const recipe = flags.recipe === undefined ? await fromMethod(flags) : await fromRecipe(flags.recipe, flags)
  return checkRecipe(withFlags(recipe, flags))
}

async function fromRecipe(name: string, flags: RecipeFlags): Promise<RecipeInput> {
  const stray = [...methodKeys, 'method' as const].find(key => flags[key] !== undefined)
  if (stray) throw new UsageError(`--${kebab(stray)} goes with --method; with --recipe, write it into the recipe`)
  const { findPreset, loadRecipe } = await import('@sinter/engine')
  return /[./\\]/.test(name) ? loadRecipe(name) : findPreset(name)
}

async function fromMethod(flags: RecipeFlags): Promise<RecipeInput> {
  if (flags.method === undefined)
    throw new UsageError('what to do? Give --method NAME (sinter methods lists them) or --recipe FILE|PRESET')
  const { stepsOf } = await import('@sinter/engine')
  const place = {
    ...(flags.targets && { targets: flags.targets }),
    ...(flags.blocks !== undefined && { blocks: flags.blocks }),
  }
  return { version: 1, steps: stepsOf(flags.method, methodOptions(flags)).map(step => ({ ...step, ...place })) }
}

const methodKeys = [
  'bits',
  'groupSize',
  'symmetric',
  'asymmetric',
  'actOrder',
  'mse',
  'damping',
  'sparsity',
  'pattern',
  'set',
  'targets',
  'blocks',
] as const satisfies readonly (keyof RecipeFlags)[]

const kebab = (key: string): string => key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** Only what was given: the method has its own defaults. */
function methodOptions(flags: RecipeFlags): Record<string, unknown> {
  const { bits, groupSize, actOrder, damping, sparsity, pattern } = flags
  const given = { bits, groupSize, actOrder, damping, sparsity, pattern }
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(flags.symmetric && { symmetric: true }),
    ...(flags.asymmetric && { symmetric: false }),
    ...(flags.mse && { range: 'mse' }),
    ...Object.fromEntries((flags.set ?? []).map(assignment)),
  }
}

function withFlags(recipe: RecipeInput, flags: RecipeFlags): RecipeInput {
  const { calibration: text, samples, length, format, dtype, windows, windowLength } = flags
  const calibration = { ...recipe.calibration, ...given({ text, samples, length }) }
  const output = { ...recipe.output, ...given({ format, dtype }) }
  const evaluate = { ...recipe.evaluate, ...given({ text: flags.evaluate, windows, length: windowLength }) }
  return {
    ...recipe,
    ...given({ protect: flags.protect, propagate: flags.propagate, seed: flags.seed }),
    ...(Object.keys(calibration).length > 0 && { calibration }),
    ...(Object.keys(output).length > 0 && { output }),
    ...(Object.keys(evaluate).length > 0 && { evaluate }),
  }
}
