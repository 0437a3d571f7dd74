/** A configuration of random weights that llama.cpp has a family for. */
export interface FamilyCase {
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  /** Positions that are compared: beyond them llama.cpp computes something else, and the file's notes say so. */
  readonly positions?: number
  /** What the notes of the file must say; none: there must be no note. */
  readonly note?: string
}

const sizes = {
  vocab_size: 96,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  max_position_embeddings: 64,
  bos_token_id: 1,
  eos_token_id: 2,
}
const decoder = { ...sizes, num_key_value_heads: 2, rms_norm_eps: 1e-5, hidden_act: 'silu' }
const gemma = {
  ...decoder,
  head_dim: 12,
  query_pre_attn_scalar: 12,
  sliding_window: 6,
  hidden_act: 'gelu_pytorch_tanh',
  rms_norm_eps: 1e-6,
}
const scaled = (type: string, rest: object) => ({ rope_scaling: { rope_type: type, ...rest } })
const halves = (from: number) => Array.from({ length: 4 }, (_, i) => from + i / 2)

const linear = scaled('linear', { factor: 4 })
const yarn = scaled('yarn', { factor: 4, original_max_position_embeddings: 16 })

/** Every family that rotates, with its frequencies stretched. */
const stretched: readonly FamilyCase[] = [
  { name: 'qwen3', config: { ...decoder, model_type: 'qwen3', head_dim: 16 } },
  { name: 'gemma2', config: { ...gemma, model_type: 'gemma2' } },
  { name: 'phi3', config: { ...decoder, model_type: 'phi3', sliding_window: null } },
  { name: 'smollm3', config: { ...decoder, model_type: 'smollm3', num_hidden_layers: 5 } },
  { name: 'olmo2', config: { ...decoder, model_type: 'olmo2' } },
  { name: 'granite', config: { ...decoder, model_type: 'granite' } },
  { name: 'gpt_neox', config: { ...sizes, model_type: 'gpt_neox', rotary_pct: 0.5, hidden_act: 'gelu_new' } },
].flatMap(({ name, config }) => [
  { name: `${name}, rope linear`, config: { ...config, ...linear } },
  { name: `${name}, rope yarn`, config: { ...config, ...yarn } },
])

/** The dense families that llama.cpp has too, and the ways in which their configurations differ. */
export const familyCases: readonly FamilyCase[] = [
  ...stretched,
  { name: 'llama', config: { ...decoder, model_type: 'llama' } },
  {
    name: 'llama, biases, tied',
    config: { ...decoder, model_type: 'llama', attention_bias: true, mlp_bias: true, tie_word_embeddings: true },
  },
  {
    name: 'llama, one key-value head, wide heads',
    config: { ...decoder, model_type: 'llama', num_key_value_heads: 1, head_dim: 16 },
  },
  { name: 'llama, rope linear', config: { ...decoder, model_type: 'llama', ...scaled('linear', { factor: 4 }) } },
  {
    name: 'llama, rope llama3',
    config: {
      ...decoder,
      model_type: 'llama',
      rope_theta: 500,
      ...scaled('llama3', { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 }),
    },
  },
  {
    name: 'llama, rope yarn',
    config: { ...decoder, model_type: 'llama', ...scaled('yarn', { factor: 4, original_max_position_embeddings: 16 }) },
  },
  {
    name: 'llama, rope yarn, own factors',
    config: {
      ...decoder,
      model_type: 'llama',
      ...scaled('yarn', {
        factor: 4,
        original_max_position_embeddings: 16,
        attention_factor: 0.8,
        beta_fast: 16,
        beta_slow: 2,
      }),
    },
  },
  {
    name: 'llama, rope yarn, magnitudes',
    config: {
      ...decoder,
      model_type: 'llama',
      ...scaled('yarn', { original_max_position_embeddings: 16, mscale: 0.5, mscale_all_dim: 1.5 }),
    },
  },
  {
    name: 'llama, rope longrope with a factor',
    config: {
      ...decoder,
      model_type: 'llama',
      original_max_position_embeddings: 8,
      ...scaled('longrope', { factor: 3, short_factor: halves(1), long_factor: halves(2) }),
    },
  },
  {
    name: 'llama, rope dynamic',
    config: { ...decoder, model_type: 'llama', max_position_embeddings: 12, ...scaled('dynamic', { factor: 2 }) },
    positions: 12,
    note: 'no dynamic rope scaling',
  },
  {
    name: 'llama, blocks of several sizes',
    config: {
      ...decoder,
      model_type: 'llama',
      head_dim: 8,
      per_layer_config: {
        '0': { intermediate_size: 31 },
        '2': { num_attention_heads: 3, num_key_value_heads: 1 },
      },
    },
  },
  {
    name: 'mistral',
    config: { ...decoder, model_type: 'mistral', head_dim: 16, sliding_window: 8 },
    positions: 8,
    note: 'beyond 8 tokens (sliding_window) its results differ',
  },
  { name: 'qwen2', config: { ...decoder, model_type: 'qwen2' } },
  {
    name: 'qwen2, tied, rope yarn',
    config: {
      ...decoder,
      model_type: 'qwen2',
      tie_word_embeddings: true,
      ...scaled('yarn', { factor: 4, original_max_position_embeddings: 16 }),
    },
  },
  { name: 'qwen3', config: { ...decoder, model_type: 'qwen3', head_dim: 16 } },
  { name: 'gemma2', config: { ...gemma, model_type: 'gemma2', attn_logit_softcapping: 5, final_logit_softcapping: 3 } },
  {
    name: 'gemma3',
    config: { ...gemma, model_type: 'gemma3_text', num_hidden_layers: 7, ...scaled('linear', { factor: 8 }) },
  },
  { name: 'phi3', config: { ...decoder, model_type: 'phi3', sliding_window: null } },
  {
    name: 'phi3, rope longrope, long',
    config: {
      ...decoder,
      model_type: 'phi3',
      original_max_position_embeddings: 8,
      ...scaled('longrope', { short_factor: halves(1), long_factor: halves(2) }),
    },
  },
  {
    name: 'phi3, rope longrope, short',
    config: {
      ...decoder,
      model_type: 'phi3',
      // llama.cpp chooses by the size of its context, which is 256 or more.
      max_position_embeddings: 4096,
      original_max_position_embeddings: 1024,
      ...scaled('longrope', { short_factor: halves(1), long_factor: halves(2) }),
    },
  },
  { name: 'phi3, partly rotated', config: { ...decoder, model_type: 'phi3', partial_rotary_factor: 0.5 } },
  { name: 'smollm3', config: { ...decoder, model_type: 'smollm3', num_hidden_layers: 5 } },
  { name: 'olmo2', config: { ...decoder, model_type: 'olmo2' } },
  { name: 'olmo2, tied', config: { ...decoder, model_type: 'olmo2', tie_word_embeddings: true } },
  {
    name: 'granite',
    config: {
      ...decoder,
      model_type: 'granite',
      attention_multiplier: 0.2,
      embedding_multiplier: 3,
      residual_multiplier: 0.4,
      logits_scaling: 2.5,
    },
  },
  {
    name: 'granite, rope llama3',
    config: {
      ...decoder,
      model_type: 'granite',
      rope_theta: 500,
      ...scaled('llama3', { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 }),
    },
  },
  {
    name: 'granite, rope longrope',
    config: {
      ...decoder,
      model_type: 'granite',
      original_max_position_embeddings: 8,
      ...scaled('longrope', { short_factor: halves(1), long_factor: halves(2) }),
    },
  },
  { name: 'gpt2', config: { ...sizes, model_type: 'gpt2', layer_norm_epsilon: 1e-5, activation_function: 'gelu_new' } },
  {
    name: 'gpt_neox',
    config: { ...sizes, model_type: 'gpt_neox', layer_norm_eps: 1e-5, rotary_pct: 0.5, hidden_act: 'gelu_new' },
  },
  {
    name: 'gpt_neox, in sequence',
    config: {
      ...sizes,
      model_type: 'gpt_neox',
      layer_norm_eps: 1e-5,
      rotary_pct: 0.25,
      hidden_act: 'gelu',
      use_parallel_residual: false,
    },
    note: 'computes gelu by its tanh approximation',
  },
]
