import { z } from 'zod'
import { FormatError } from './formats/format-error.ts'

/** Sizes decide allocations before any tensor is read, so each has a ceiling well above every published model. */
const size = (ceiling: number) => z.number().int().min(1).max(ceiling)
const positive = z.number().positive().finite()
const tokenId = z
  .number()
  .int()
  .min(-1)
  .max(2 ** 24)
const layerType = z.enum(['full_attention', 'sliding_attention'])

export type LayerType = 'full_attention' | 'sliding_attention'

/** Rotary embedding as config.json writes it. */
export interface RawRope {
  readonly rope_type?: string | undefined
  readonly type?: string | undefined
  readonly rope_theta?: number | undefined
  readonly partial_rotary_factor?: number | undefined
  readonly factor?: number | null | undefined
  readonly original_max_position_embeddings?: number | null | undefined
  readonly low_freq_factor?: number | undefined
  readonly high_freq_factor?: number | undefined
  readonly attention_factor?: number | null | undefined
  readonly beta_fast?: number | null | undefined
  readonly beta_slow?: number | null | undefined
  readonly mscale?: number | null | undefined
  readonly mscale_all_dim?: number | null | undefined
  readonly truncate?: boolean | null | undefined
  readonly short_factor?: readonly number[] | undefined
  readonly long_factor?: readonly number[] | undefined
}

/** One rotary embedding for each kind of layer. */
export type RawRopes = { readonly [kind in LayerType]?: RawRope | undefined }

/** What a layer has of its own, as transformers writes it. */
export interface RawLayer {
  readonly num_attention_heads?: number | undefined
  readonly num_key_value_heads?: number | undefined
  readonly intermediate_size?: number | undefined
}

/** config.json in one spelling, with the family's defaults filled in. */
export interface RawConfig {
  readonly model_type: string
  readonly vocab_size: number
  readonly hidden_size: number
  readonly intermediate_size?: number | null | undefined
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads?: number | null | undefined
  readonly head_dim?: number | null | undefined
  readonly max_position_embeddings: number
  readonly original_max_position_embeddings?: number | null | undefined
  readonly hidden_act: string
  readonly norm_eps: number
  readonly tie_word_embeddings: boolean
  readonly attention_bias?: boolean | undefined
  readonly mlp_bias?: boolean | undefined
  readonly rope_theta?: number | undefined
  readonly rope_local_base_freq?: number | undefined
  readonly partial_rotary_factor?: number | undefined
  readonly rope_scaling?: RawRope | null | undefined
  readonly rope_parameters?: RawRope | RawRopes | null | undefined
  readonly sliding_window?: number | null | undefined
  readonly sliding_window_pattern?: number | null | undefined
  readonly use_sliding_window?: boolean | undefined
  readonly max_window_layers?: number | undefined
  readonly layer_types?: readonly LayerType[] | null | undefined
  readonly no_rope_layers?: readonly number[] | null | undefined
  readonly no_rope_layer_interval?: number | null | undefined
  readonly query_pre_attn_scalar?: number | undefined
  readonly attn_logit_softcapping?: number | null | undefined
  readonly final_logit_softcapping?: number | null | undefined
  readonly embedding_multiplier?: number | undefined
  readonly residual_multiplier?: number | undefined
  readonly attention_multiplier?: number | undefined
  readonly logits_scaling?: number | undefined
  readonly scale_attn_weights?: boolean | undefined
  readonly scale_attn_by_inverse_layer_idx?: boolean | undefined
  readonly word_embed_proj_dim?: number | null | undefined
  readonly do_layer_norm_before?: boolean | undefined
  readonly _remove_final_layer_norm?: boolean | undefined
  readonly enable_bias?: boolean | undefined
  readonly use_parallel_residual?: boolean | undefined
  readonly per_layer_config?: Readonly<Record<string, RawLayer>> | null | undefined
  readonly dtype?: string | null | undefined
  readonly bos_token_id?: number | readonly number[] | null | undefined
  readonly eos_token_id?: number | readonly number[] | null | undefined
}

const ropeScaling: z.ZodType<RawRope> = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  factor: positive.nullish(),
  original_max_position_embeddings: size(2 ** 31).nullish(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  attention_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().nullish(),
  short_factor: z.array(positive).max(4096).optional(),
  long_factor: z.array(positive).max(4096).optional(),
})

/** Strict: what else a layer may have of its own (no attention, another width of heads) is not computed. */
const rawLayer: z.ZodType<RawLayer> = z.strictObject({
  num_attention_heads: size(4096).optional(),
  num_key_value_heads: size(4096).optional(),
  intermediate_size: size(2 ** 21).optional(),
})

/** The keys of config.json that decide what is computed. Others are kept aside. */
const schema: z.ZodType<RawConfig> = z.looseObject({
  model_type: z.string(),
  vocab_size: size(2 ** 24),
  hidden_size: size(2 ** 17),
  intermediate_size: size(2 ** 21).nullish(),
  num_hidden_layers: size(4096),
  num_attention_heads: size(4096),
  num_key_value_heads: size(4096).nullish(),
  head_dim: size(2 ** 14).nullish(),
  max_position_embeddings: size(2 ** 31),
  original_max_position_embeddings: size(2 ** 31).nullish(),
  hidden_act: z.string(),
  norm_eps: z.number().positive().max(1),
  tie_word_embeddings: z.boolean(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  rope_theta: positive.optional(),
  rope_local_base_freq: positive.optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  rope_scaling: ropeScaling.nullish(),
  rope_parameters: z
    .union([
      z.strictObject({ full_attention: ropeScaling.optional(), sliding_attention: ropeScaling.optional() }),
      ropeScaling,
    ])
    .nullish(),
  sliding_window: size(2 ** 31).nullish(),
  sliding_window_pattern: size(4096).nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.number().int().min(0).max(4096).optional(),
  layer_types: z.array(layerType).max(4096).nullish(),
  no_rope_layers: z.array(z.number()).max(4096).nullish(),
  no_rope_layer_interval: size(4096).nullish(),
  query_pre_attn_scalar: positive.optional(),
  attn_logit_softcapping: positive.nullish(),
  final_logit_softcapping: positive.nullish(),
  embedding_multiplier: positive.optional(),
  residual_multiplier: positive.optional(),
  attention_multiplier: positive.optional(),
  logits_scaling: positive.optional(),
  scale_attn_weights: z.boolean().optional(),
  scale_attn_by_inverse_layer_idx: z.boolean().optional(),
  word_embed_proj_dim: size(2 ** 17).nullish(),
  do_layer_norm_before: z.boolean().optional(),
  _remove_final_layer_norm: z.boolean().optional(),
  enable_bias: z.boolean().optional(),
  use_parallel_residual: z.boolean().optional(),
  // Numbers of layers up to 4095, as `num_hidden_layers` allows.
  per_layer_config: z.record(z.string().regex(/^(0|[1-9]\d{0,3})$/), rawLayer).nullish(),
  dtype: z.string().nullish(),
  bos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId).max(1024)]).nullish(),
})

/** Other spellings: of earlier releases, and of families that name the same things in their own way. */
export const spellings: Readonly<Record<string, string>> = {
  n_embd: 'hidden_size',
  n_inner: 'intermediate_size',
  ffn_dim: 'intermediate_size',
  n_layer: 'num_hidden_layers',
  n_head: 'num_attention_heads',
  n_positions: 'max_position_embeddings',
  activation_function: 'hidden_act',
  hidden_activation: 'hidden_act',
  rms_norm_eps: 'norm_eps',
  layer_norm_epsilon: 'norm_eps',
  layer_norm_eps: 'norm_eps',
  rotary_emb_base: 'rope_theta',
  rotary_pct: 'partial_rotary_factor',
  torch_dtype: 'dtype',
}

/** Keys whose null means "none"; elsewhere null stands for "the default". */
export const nullable: ReadonlySet<string> = new Set([
  'sliding_window',
  'attn_logit_softcapping',
  'final_logit_softcapping',
])

/**
 * Brings a parsed config.json into one spelling and checks it.
 * @param defaults what the family assumes for keys that are left out
 * @throws FormatError `schema` naming each key that does not fit
 */
export function parseConfigKeys(config: Readonly<Record<string, unknown>>, defaults: Partial<RawConfig>): RawConfig {
  const keys: Record<string, unknown> = { ...defaults }
  const given = Object.entries(config).filter(([key, value]) => value !== null || nullable.has(key))
  for (const [key, value] of given) keys[key] = value
  // Afterwards, because Gemma files carry a wrong `hidden_act` beside the `hidden_activation` that counts.
  for (const [key, value] of given) if (key in spellings) keys[spellings[key]!] = value
  const parsed = schema.safeParse(keys)
  if (parsed.success) return parsed.data
  throw new FormatError('schema', `config.json does not fit:\n${z.prettifyError(parsed.error)}`)
}
