import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type GgufMetadata,
  type GgufSource,
  type GgufValue,
  numberOf,
  stringOf,
  type TensorSource,
} from '@sinter/model'
import type { FactKey, ModelHeader } from '../shared/model-reader.ts'

type Facts = ModelHeader['facts']
type Config = Readonly<Record<string, unknown>>

/** Configurations have some kilobytes; this one is only shown. */
const MAX_CONFIG_BYTES = 2 ** 20
/** A page of text: longer values are vocabularies and templates. */
const MAX_TEXT = 2000
/** A published GGUF has some fifty. */
const MAX_METADATA = 4096

/** Keys of config.json, by what they mean. The first that is there counts. */
const configKeys: readonly (readonly [FactKey, readonly string[]])[] = [
  ['architecture', ['model_type']],
  ['blocks', ['num_hidden_layers', 'n_layer']],
  ['hiddenSize', ['hidden_size', 'n_embd']],
  ['feedForwardSize', ['intermediate_size', 'n_inner']],
  ['heads', ['num_attention_heads', 'n_head']],
  ['keyValueHeads', ['num_key_value_heads']],
  ['headSize', ['head_dim']],
  ['experts', ['num_local_experts', 'num_experts', 'n_routed_experts']],
  ['context', ['max_position_embeddings', 'n_positions']],
  ['vocabulary', ['vocab_size']],
  ['tied', ['tie_word_embeddings']],
]

const ggufKeys: readonly (readonly [FactKey, string])[] = [
  ['blocks', 'block_count'],
  ['hiddenSize', 'embedding_length'],
  ['feedForwardSize', 'feed_forward_length'],
  ['heads', 'attention.head_count'],
  ['keyValueHeads', 'attention.head_count_kv'],
  ['headSize', 'attention.key_length'],
  ['experts', 'expert_count'],
  ['context', 'context_length'],
]

/** What the header and config.json say of the architecture. A file beside the model that is not JSON says nothing. */
export async function factsOf(path: string, source: TensorSource): Promise<Facts> {
  if (source.kind === 'gguf') return ggufFacts((source as GgufSource).metadata)
  const folder = source.kind === 'onnx' ? dirname(dirname(path)) : dirname(path)
  const config = await readConfig(join(folder, 'config.json'))
  return config ? configFacts(config) : []
}

async function readConfig(path: string): Promise<Config | undefined> {
  try {
    if ((await stat(path)).size > MAX_CONFIG_BYTES) return undefined
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function configFacts(config: Config): Facts {
  const text = isRecord(config.text_config) ? { ...config, ...config.text_config } : config
  const facts = configKeys.flatMap(([fact, keys]): [FactKey, string][] => {
    const value = keys.map(key => text[key]).find(found => ['string', 'number', 'boolean'].includes(typeof found))
    return value === undefined ? [] : [[fact, cut(String(value))]]
  })
  const quantization = config.quantization_config
  return isRecord(quantization) ? [...facts, ['compression', compressionOf(quantization)]] : facts
}

function compressionOf(config: Config): string {
  const said = ['quant_method', 'format', 'bits', 'group_size'].map(key => config[key])
  return cut(said.filter(value => typeof value === 'string' || typeof value === 'number').join(' · '))
}

function ggufFacts(metadata: GgufMetadata): Facts {
  const architecture = stringOf(metadata.get('general.architecture'))
  if (architecture === undefined) return []
  const facts = ggufKeys.flatMap(([fact, key]): [FactKey, string][] => {
    const value = numberOf(metadata.get(`${architecture}.${key}`))
    return value === undefined ? [] : [[fact, String(value)]]
  })
  const tokens = metadata.get('tokenizer.ggml.tokens')
  const vocabulary: Facts = tokens?.type === 'array' ? [['vocabulary', String(tokens.value.length)]] : []
  return [['architecture', cut(architecture)], ...facts, ...vocabulary]
}

/** Metadata of the file itself, as text. */
export function metadataOf(source: TensorSource): ModelHeader['metadata'] {
  if (source.kind === 'gguf')
    return [...(source as GgufSource).metadata]
      .slice(0, MAX_METADATA)
      .map(([key, value]) => [cut(key), ggufText(value)])
  const metadata = 'metadata' in source && isRecord(source.metadata) ? source.metadata : {}
  return Object.entries(metadata)
    .slice(0, MAX_METADATA)
    .map(([key, value]) => [cut(key), cut(String(value))])
}

function ggufText(value: GgufValue): string {
  if (value.type !== 'array') return cut(String(value.value))
  const first = value.value.slice(0, 16).map(entry => (typeof entry === 'object' ? '[…]' : cut(String(entry), 60)))
  const more = value.value.length > first.length ? `, … (${value.value.length})` : ''
  return cut(`[${first.join(', ')}${more}]`)
}

const cut = (text: string, length: number = MAX_TEXT): string =>
  text.length <= length ? text : `${text.slice(0, length)}… (${text.length})`
