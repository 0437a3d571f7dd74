import type { TensorF32 } from '@sinter/tensor-core'
import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import type { GgufFamily } from './gguf-families.ts'
import { ropeFromGguf } from './gguf-rope-read.ts'
import { stopIds } from './gguf-stops.ts'
import { type UnevenSizes, unevenSizes } from './gguf-uneven.ts'
import { boolOf, type GgufMetadata, type GgufValue, numberOf, numbersOf, stringsOf } from './gguf-value.ts'

/**
 * A config.json object from GGUF metadata.
 * @param has whether the file holds a tensor of that name
 * @param tensor reads one of the rotary tables
 * @throws FormatError `schema` when a needed key is missing, `unsupported` for layers that differ from each other
 */
export function configFromMetadata(
  family: GgufFamily,
  metadata: GgufMetadata,
  has: (name: string) => boolean,
  tensor: (name: string) => TensorF32 | undefined,
): Config {
  const get = (name: string): GgufValue | undefined => metadata.get(`${family.arch}.${name}`)
  const common = {
    architectures: [family.architecture],
    model_type: family.modelTypes[0],
    vocab_size: numberOf(get('vocab_size')) ?? stringsOf(metadata.get('tokenizer.ggml.tokens'))?.length,
    tie_word_embeddings: !has('output.weight'),
    ...specialIds(metadata),
  }
  const shape = shapeFields(family, get)
  if (family.arch === 'gpt2') return { ...common, ...gpt2Fields(shape) }
  const rope = ropeFromGguf(family.arch, metadata, tensor)
  const perLayer = isUnevenFamily(family) ? uneven(family, get).perLayer : {}
  return {
    ...common,
    ...shape,
    ...rope,
    ...familyFields(family, get, has, shape),
    ...(Object.keys(perLayer).length > 0 && { per_layer_config: perLayer }),
  }
}

function specialIds(metadata: GgufMetadata): Config {
  const id = (name: string): number | null => numberOf(metadata.get(`tokenizer.ggml.${name}_token_id`)) ?? null
  const stops = stopIds(metadata)
  return {
    bos_token_id: id('bos'),
    eos_token_id: stops?.length === 1 ? stops[0] : (stops ?? null),
    pad_token_id: id('padding'),
  }
}

type Get = (name: string) => GgufValue | undefined

/** As many as config.json may say; checked before lists of that length are made. */
const MAX_BLOCKS = 4096

function shapeFields(family: GgufFamily, get: Get): { readonly [field: string]: number } {
  const hidden = required(family, get, 'embedding_length')
  const rms = numberOf(get('attention.layer_norm_rms_epsilon'))
  const sizes = blockSizes(family, get)
  return {
    num_hidden_layers: blockCount(family, get),
    max_position_embeddings: required(family, get, 'context_length'),
    hidden_size: hidden,
    ...sizes,
    head_dim: numberOf(get('attention.key_length')) ?? hidden / sizes.num_attention_heads,
    ...(rms !== undefined
      ? { rms_norm_eps: rms }
      : { layer_norm_eps: required(family, get, 'attention.layer_norm_epsilon') }),
  }
}

function blockSizes(family: GgufFamily, get: Get): UnevenSizes['largest'] {
  if (isUnevenFamily(family)) return uneven(family, get).largest
  const heads = required(family, get, 'attention.head_count')
  return {
    intermediate_size: required(family, get, 'feed_forward_length'),
    num_attention_heads: heads,
    num_key_value_heads: get('attention.head_count_kv') ? required(family, get, 'attention.head_count_kv') : heads,
  }
}

function blockCount(family: GgufFamily, get: Get): number {
  const blocks = required(family, get, 'block_count')
  if (Number.isInteger(blocks) && blocks > 0 && blocks <= MAX_BLOCKS) return blocks
  throw new FormatError('limit', `gguf: expected ${family.arch}.block_count to be 1 … ${MAX_BLOCKS}, got ${blocks}`)
}

const isUnevenFamily = ({ arch, unevenArch }: GgufFamily): boolean => arch === unevenArch

function uneven(family: GgufFamily, get: Get): UnevenSizes {
  return unevenSizes(family.arch, blockCount(family, get), get)
}

function required(family: GgufFamily, get: Get, name: string): number {
  const value = numberOf(get(name))
  if (value !== undefined) return value
  if (numbersOf(get(name)))
    throw new FormatError(
      'unsupported',
      `gguf: ${family.arch}.${name} differs from layer to layer: such models are not read`,
    )
  throw new FormatError('schema', `gguf: expected the key ${family.arch}.${name}`)
}

function gpt2Fields(shape: { readonly [field: string]: number }): Config {
  return {
    n_layer: shape.num_hidden_layers,
    n_positions: shape.max_position_embeddings,
    n_embd: shape.hidden_size,
    n_inner: shape.intermediate_size,
    n_head: shape.num_attention_heads,
    layer_norm_epsilon: shape.layer_norm_eps,
    activation_function: 'gelu_new',
  }
}

function familyFields(
  family: GgufFamily,
  get: Get,
  has: (name: string) => boolean,
  shape: { readonly [field: string]: number },
): Config {
  switch (family.arch) {
    case 'gemma2':
    case 'gemma3':
      return gemmaFields(family, get, shape)
    case 'granite':
      return {
        hidden_act: 'silu',
        attention_multiplier: numberOf(get('attention.scale')) ?? shape.head_dim! ** -0.5,
        embedding_multiplier: numberOf(get('embedding_scale')) ?? 1,
        residual_multiplier: numberOf(get('residual_scale')) ?? 1,
        logits_scaling: numberOf(get('logit_scale')) ?? 1,
        ...biases(has),
      }
    case 'gptneox':
      return {
        hidden_act: 'gelu',
        rotary_pct: (numberOf(get('rope.dimension_count')) ?? shape.head_dim!) / shape.head_dim!,
        use_parallel_residual: boolOf(get('use_parallel_residual')) ?? true,
        attention_bias: has('blk.0.attn_qkv.bias'),
      }
    case 'phi3': {
      const dims = numberOf(get('rope.dimension_count')) ?? shape.head_dim!
      const original = numberOf(get('rope.scaling.original_context_length'))
      return {
        hidden_act: 'silu',
        partial_rotary_factor: dims / shape.head_dim!,
        original_max_position_embeddings: original ?? shape.max_position_embeddings,
        sliding_window: numberOf(get('attention.sliding_window')) || null,
      }
    }
    case 'smollm3':
      return {
        hidden_act: 'silu',
        no_rope_layers: Array.from({ length: shape.num_hidden_layers! }, (_, i) => Number((i + 1) % 4 !== 0)),
        ...biases(has),
      }
    case 'qwen2':
    case 'qwen3':
      return { hidden_act: 'silu', use_sliding_window: false, attention_bias: has('blk.0.attn_q.bias') }
    default:
      return { hidden_act: 'silu', ...biases(has) }
  }
}

const biases = (has: (name: string) => boolean): Config => ({
  attention_bias: has('blk.0.attn_q.bias'),
  mlp_bias: has('blk.0.ffn_up.bias'),
})

function gemmaFields(family: GgufFamily, get: Get, shape: { readonly [field: string]: number }): Config {
  const layers = shape.num_hidden_layers!
  const is27B = layers === (family.arch === 'gemma2' ? 46 : 62)
  const stored = get('attention.sliding_window_pattern')
  const pattern = numberOf(stored) ?? (family.arch === 'gemma2' ? 2 : 6)
  const windowed = numbersOf(stored) ?? Array.from({ length: layers }, (_, i) => Number((i + 1) % pattern !== 0))
  const local = numberOf(get('rope.freq_base_swa'))
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: false,
    query_pre_attn_scalar: is27B ? shape.hidden_size! / shape.num_attention_heads! : shape.head_dim,
    sliding_window: numberOf(get('attention.sliding_window')) ?? 4096,
    layer_types: windowed.map(flag => (flag ? 'sliding_attention' : 'full_attention')),
    attn_logit_softcapping: numberOf(get('attn_logit_softcapping')) ?? (family.arch === 'gemma2' ? 50 : null),
    final_logit_softcapping: numberOf(get('final_logit_softcapping')) ?? (family.arch === 'gemma2' ? 30 : null),
    ...(family.arch === 'gemma3' && { rope_local_base_freq: local ?? 10000 }),
  }
}
