import { FormatError } from './format-error.ts'
import { isObject } from './json-strict.ts'

export type Config = Readonly<Record<string, unknown>>

/** The text model's part of a multimodal config. */
export const textConfig = (config: Config): Config =>
  isObject(config.text_config) ? { ...config, ...config.text_config } : config

/** @throws FormatError `schema` when config.json lacks the number */
export function numberField(config: Config, name: string, fallback?: number): number {
  const value = config[name] ?? fallback
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new FormatError('schema', `config.json: expected ${name} to be a number, got ${JSON.stringify(value)}`)
  return value
}

export const optionalNumber = (config: Config, name: string): number | undefined => {
  const value = config[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Sizes that a block has of its own, as transformers writes them: `{"per_layer_config": {"3": {"intermediate_size": 512}}}`. */
export function ownSizes(config: Config, block: number | undefined): Config {
  const own = isObject(config.per_layer_config) && block !== undefined ? config.per_layer_config[block] : undefined
  return isObject(own) ? own : {}
}

/** Whether blocks have sizes of their own. */
export const isUneven = (config: Config): boolean =>
  isObject(config.per_layer_config) && Object.keys(config.per_layer_config).length > 0

/**
 * Numbers of heads and their width, under the names that the families use.
 * @param block of this block; default: of the model
 */
export function headsOf(fullConfig: Config, block?: number): { heads: number; kvHeads: number; headDim: number } {
  const config = { ...fullConfig, ...ownSizes(fullConfig, block) }
  const heads = numberField(config, 'num_attention_heads', optionalNumber(config, 'n_head'))
  const hidden = numberField(config, 'hidden_size', optionalNumber(config, 'n_embd'))
  return {
    heads,
    kvHeads: optionalNumber(config, 'num_key_value_heads') ?? heads,
    headDim: optionalNumber(config, 'head_dim') ?? hidden / heads,
  }
}
