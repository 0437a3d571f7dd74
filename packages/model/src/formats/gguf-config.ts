import type { TensorF32 } from '@sinter/tensor-core'
import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import type { GgufFamily } from './gguf-family/family.ts'
import { ropeFromGguf } from './gguf-rope-read.ts'
import { stopIds } from './gguf-stops.ts'
import { type UnevenSizes, unevenSizes } from './gguf-uneven.ts'
import { type GgufMetadata, type GgufValue, numberOf, numbersOf, stringsOf } from './gguf-value.ts'

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
  const perLayer = isUnevenFamily(family) ? uneven(family, get).perLayer : {}
  return {
    ...common,
    ...family.fields({ family, get, has, shape, rope: ropeFromGguf(family.arch, metadata, tensor) }),
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
