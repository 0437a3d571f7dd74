import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createGgufWriter,
  encodings,
  type GgufMetadata,
  type GgufValue,
  ggufArray,
  ggufF32,
  ggufString,
  ggufU32,
  parseGgufHeader,
  writeGguf,
} from '@sinter/model'
import { randomCheckpoint, toyTokenizer } from '@sinter/model/testing'
import type { Seed } from './target.ts'

const sizes = {
  vocab_size: 96,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  max_position_embeddings: 32,
}
const decoder = { ...sizes, num_key_value_heads: 1, rms_norm_eps: 1e-5, hidden_act: 'silu' }
const llama3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
}
const longrope = { rope_type: 'longrope', short_factor: [1, 2], long_factor: [2, 3] }
const gemma = { ...decoder, head_dim: 4, query_pre_attn_scalar: 4, sliding_window: 6, hidden_act: 'gelu_pytorch_tanh' }

/** Configurations that between them use every branch of the reader. */
const configs: readonly Readonly<Record<string, unknown>>[] = [
  { ...decoder, model_type: 'llama', rope_scaling: llama3 },
  { ...decoder, model_type: 'llama', head_dim: 4, per_layer_config: { '1': { intermediate_size: 5 } } },
  { ...decoder, model_type: 'qwen3', rope_scaling: { rope_type: 'yarn', factor: 4 } },
  { ...decoder, model_type: 'phi3', original_max_position_embeddings: 8, rope_scaling: longrope },
  { ...gemma, model_type: 'gemma2' },
  { ...gemma, model_type: 'gemma3_text' },
  { ...decoder, model_type: 'granite' },
  { ...decoder, model_type: 'smollm3' },
  { ...decoder, model_type: 'olmo2' },
  { ...sizes, model_type: 'gpt2', layer_norm_epsilon: 1e-5, activation_function: 'gelu_new' },
  { ...sizes, model_type: 'gpt_neox', layer_norm_eps: 1e-5, hidden_act: 'gelu', rotary_pct: 0.5 },
]

/** Tiny models of every family, tokenizers of both kinds, a tensor of every encoding, and metadata of every type. */
export async function ggufSeeds(): Promise<readonly Seed[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    const path = join(folder, 'seed.gguf')
    const seeds: Seed[] = []
    const keep = async () => seeds.push(seedOf(Uint8Array.from(await readFile(path))))
    for (const config of configs) {
      await writeGguf(path, { ...randomCheckpoint(config), tokenizerJson: toyTokenizer }, { encoding: 'F16' })
      await keep()
    }
    for (const metadata of [everyType, sentencePiece]) {
      await writeTensors(path, metadata)
      await keep()
    }
    return seeds
  } finally {
    await rm(folder, { recursive: true })
  }
}

const everyType: GgufMetadata = new Map<string, GgufValue>([
  ['general.architecture', ggufString('llama')],
  ['general.alignment', ggufU32(32)],
  ['llama.block_count', ggufU32(1)],
  ['llama.rope.freq_base', ggufF32(10000)],
  ['count', { type: 'u64', value: 2n ** 40n }],
  ['small', { type: 'i8', value: -1 }],
  ['flag', { type: 'bool', value: true }],
  ['f64', { type: 'f64', value: 0.1 }],
  ['nested', { type: 'array', of: 'array', value: [ggufArray('i32', [1, 2]), ggufArray('u8', [])] }],
])

const pieces = ['<unk>', '<s>', '</s>', ...Array.from({ length: 16 }, (_, i) => `<0x0${i.toString(16).toUpperCase()}>`)]
const words = ['▁', 'h', 'e', 'l', 'o', 'he', 'll', 'hell', 'hello', '▁h', '▁hello', 'wör', 'ld']
const sentencePiece: GgufMetadata = new Map<string, GgufValue>([
  ['general.architecture', ggufString('llama')],
  ['llama.block_count', ggufU32(0)],
  ['llama.context_length', ggufU32(8)],
  ['llama.embedding_length', ggufU32(64)],
  ['llama.feed_forward_length', ggufU32(8)],
  ['llama.attention.head_count', ggufU32(2)],
  ['llama.attention.layer_norm_rms_epsilon', ggufF32(1e-5)],
  ['tokenizer.ggml.model', ggufString('llama')],
  ['tokenizer.ggml.tokens', ggufArray('string', [...pieces, ...words])],
  ['tokenizer.ggml.scores', ggufArray('f32', [...pieces.map(() => 0), ...words.map((_, i) => -i)])],
  ['tokenizer.ggml.token_type', ggufArray('i32', [2, 3, 3, ...pieces.slice(3).map(() => 6), ...words.map(() => 1)])],
  ['tokenizer.ggml.bos_token_id', ggufU32(1)],
  ['tokenizer.ggml.eos_token_id', ggufU32(2)],
  ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
])

/** One tensor of every encoding, of two rows of a block. */
async function writeTensors(path: string, metadata: GgufMetadata): Promise<void> {
  const specs = encodings.map(encoding => ({ name: encoding.name, encoding, shape: [2, encoding.blockSize] }))
  const writer = await createGgufWriter(path, metadata, specs)
  for (const { name, encoding } of specs)
    await writer.write(
      name,
      Uint8Array.from({ length: 2 * encoding.blockBytes }, (_, i) => i),
    )
  await writer.commit()
}

/** Every number of the header: counts, lengths, types, values, dimensions, offsets. */
function seedOf(bytes: Uint8Array): Seed {
  const header = parseGgufHeader(bytes, bytes.length, 'seed')!
  const numbers: { at: number; bytes: 4 | 8 }[] = [
    { at: 4, bytes: 4 },
    { at: 8, bytes: 8 },
    { at: 16, bytes: 8 },
  ]
  let from = 24
  const nameAt = (name: string): number => {
    const found = Buffer.from(bytes.buffer).indexOf(name, from)
    numbers.push({ at: found - 8, bytes: 8 })
    from = found + Buffer.byteLength(name)
    return from
  }
  for (const [key, value] of header.metadata) {
    const at = nameAt(key)
    numbers.push({ at, bytes: 4 }, { at: at + 4, bytes: 4 })
    if (value.type === 'array') numbers.push({ at: at + 8, bytes: 8 })
  }
  for (const [name, { shape }] of header.entries) {
    const at = nameAt(name)
    const dims = shape.map((_, i) => ({ at: at + 4 + 8 * i, bytes: 8 as const }))
    const end = at + 4 + 8 * shape.length
    numbers.push({ at, bytes: 4 }, ...dims, { at: end, bytes: 4 }, { at: end + 4, bytes: 8 })
  }
  return { bytes, numbers: numbers.filter(({ at, bytes: width }) => at + width <= bytes.length) }
}
