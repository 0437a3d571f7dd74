import { FormatError, type Json, type LowRankFactors, type Model, storedLayers } from '@sinter/model'
import { z } from 'zod'
import { moduleName } from './peft-names.ts'
import { MAX_RANK } from './targets.ts'

/** Layers that may have a rank or alpha of their own: the largest models have some thousands of linears. */
const MAX_PATTERNS = 20_000

/** What adapter_config.json says of how to compute. */
export interface PeftConfig {
  /** Rank that a module's factors must have. */
  rank(module: string): number
  /** What B A is multiplied by. */
  scale(module: string): number
}

const patterns = <T extends z.ZodType<number>>(value: T) =>
  z
    .record(z.string(), value)
    .refine(record => Object.keys(record).length <= MAX_PATTERNS, {
      message: `expected at most ${MAX_PATTERNS} entries`,
    })
    .refine(record => Object.keys(record).every(key => /^\^?[\w.-]+\$?$/.test(key)), {
      message: 'expected names of modules; regular expressions from a file are not run',
    })
    .nullish()

const alpha = z.number().positive().max(1e9)

const schema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.int().min(1).max(MAX_RANK),
  lora_alpha: alpha,
  use_rslora: z.boolean().nullish(),
  bias: z.literal('none').nullish(),
  // Other initialisations change the base model, too.
  init_lora_weights: z.union([z.boolean(), z.enum(['gaussian', 'eva', 'orthogonal'])]).nullish(),
  rank_pattern: patterns(z.int().min(1).max(MAX_RANK)),
  alpha_pattern: patterns(alpha),
})

/** Keys that are about training, or that the names and shapes of the tensors say as well. */
const harmless = new Set([
  ...Object.keys(schema.shape),
  'auto_mapping',
  'base_model_name_or_path',
  'corda_config',
  'eva_config',
  'exclude_modules',
  'fan_in_fan_out',
  'inference_mode',
  'layers_pattern',
  'layers_to_transform',
  'loftq_config',
  'lora_dropout',
  'megatron_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
  'target_modules',
  'task_type',
])

/**
 * Checks a parsed adapter_config.json.
 * @throws FormatError `schema` for values that make no sense, `unsupported` for options that change what is computed
 */
export function checkPeftConfig(value: Json, where: string): PeftConfig {
  const result = schema.safeParse(value)
  if (!result.success) {
    const { path, message } = result.error.issues[0]!
    throw new FormatError('schema', `${where}: ${path.join('.') || 'the file'}: ${message}`)
  }
  const config = result.data
  const odd = Object.keys(config).find(key => !harmless.has(key) && isOn(config[key]))
  if (odd !== undefined)
    throw new FormatError(
      'unsupported',
      `${where}: ${JSON.stringify(odd)} is set, and what it does is not done here; merge the adapter into its model with PEFT, ` +
        'and open the result',
    )
  const rank = (module: string) => patternFor(config.rank_pattern, module) ?? config.r
  return {
    rank,
    scale: module => {
      const r = rank(module)
      return (patternFor(config.alpha_pattern, module) ?? config.lora_alpha) / (config.use_rslora ? Math.sqrt(r) : r)
    },
  }
}

const isOn = (value: unknown): boolean =>
  value !== null && value !== false && value !== '' && !(typeof value === 'object' && Object.keys(value).length === 0)

/** The first entry whose name is the module's, or the end of it after a dot. */
function patternFor(record: Readonly<Record<string, number>> | null | undefined, module: string): number | undefined {
  const entries = Object.entries(record ?? {})
  return entries.find(([key]) => {
    const name = key.replace(/^\^|\$$/g, '')
    return module === name || (!key.startsWith('^') && module.endsWith(`.${name}`))
  })?.[1]
}

/** The adapter_config.json of an adapter by stored layer name. */
export function peftConfigOf(
  model: Model,
  adapter: ReadonlyMap<string, LowRankFactors>,
): Readonly<Record<string, unknown>> {
  const modules = new Map([...adapter].map(([stored, factors]) => [moduleName(model, stored), factors]))
  const rankOf = ({ a }: LowRankFactors) => a.shape[0]!
  const alphaOf = (factors: LowRankFactors) => factors.scale * rankOf(factors)
  const rank = mostCommon([...modules.values()].map(rankOf))
  const common = mostCommon([...modules.values()].map(alphaOf))
  const others = (of: (factors: LowRankFactors) => number, usual: number) =>
    Object.fromEntries([...modules].filter(([, f]) => of(f) !== usual).map(([name, f]) => [name, of(f)]))
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: model.path,
    r: rank,
    lora_alpha: common,
    lora_dropout: 0,
    bias: 'none',
    target_modules: targetModules(model, adapter),
    rank_pattern: others(rankOf, rank),
    alpha_pattern: others(alphaOf, common),
    // GPT-2's Conv1D keeps [in, out].
    fan_in_fan_out: (model.family.transposed?.length ?? 0) > 0,
    init_lora_weights: true,
    use_rslora: false,
    use_dora: false,
    modules_to_save: null,
    inference_mode: true,
  }
}

/** Last names, which every runtime understands, when every layer so called has an adapter; else whole names. */
function targetModules(model: Model, adapter: ReadonlyMap<string, LowRankFactors>): readonly string[] {
  const lastName = (name: string) => name.slice(name.lastIndexOf('.') + 1)
  const last = new Set([...adapter.keys()].map(lastName))
  const complete = storedLayers(model).every(({ stored }) => !last.has(lastName(stored)) || adapter.has(stored))
  return complete ? [...last].sort() : [...adapter.keys()].map(stored => moduleName(model, stored))
}

function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0]
}
