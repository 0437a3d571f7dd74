/** Files whose headers are sound and whose metadata are not: what a number in them may cost, and what it may not become. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32 } from '@sinter/tensor-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodingNamed } from '../src/formats/encodings.ts'
import { openGgufModel } from '../src/formats/gguf-model.ts'
import { planGguf } from '../src/formats/gguf-plan.ts'
import { tokenizerFromGguf } from '../src/formats/gguf-tokenizer-read.ts'
import { type GgufValue, ggufArray, ggufF32, ggufString, ggufU32 } from '../src/formats/gguf-value.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'
import { openModel } from '../src/open-model.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'
import { loadTokenizer } from '../src/tokenizer/tokenizer.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-hostile-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The tiny model with other metadata, or further tensors of zeros. */
async function written(keys: Readonly<Record<string, GgufValue>>, extra: Readonly<Record<string, number[]>> = {}) {
  const { config, source } = randomCheckpoint(tinyLlama)
  const plan = planGguf(config, source)
  const f = encodingNamed('F32')
  const specs = [
    ...plan.tensors.map(({ name, shape }) => ({ name, shape, encoding: f })),
    ...Object.entries(extra).map(([name, shape]) => ({ name, shape, encoding: f })),
  ]
  const path = join(folder, 'f.gguf')
  const writer = await createGgufWriter(path, new Map([...plan.metadata, ...Object.entries(keys)]), specs)
  for (const { name, shape } of specs)
    await writer.write(name, f32(shape, new Float32Array(shape.reduce((n, dim) => n * dim, 1)).fill(1)))
  await writer.commit()
  return path
}

const huge = ggufU32(2 ** 32 - 1)

describe('a file is refused for', () => {
  it.each<[string, Readonly<Record<string, GgufValue>>, string]>([
    ['billions of blocks', { 'llama.block_count': huge }, 'expected llama.block_count to be 1 … 4096, got 4294967295'],
    ['half a block', { 'llama.block_count': ggufF32(0.5) }, 'expected llama.block_count to be 1 … 4096, got 0.5'],
    ['more blocks than it has', { 'llama.block_count': ggufU32(4096) }, 'there is no tensor model.layers.2.'],
    ['billions of heads', { 'llama.attention.head_count': huge }, 'the heads in the config have 17179869180 rows'],
    ['heads without width', { 'llama.attention.key_length': ggufF32(1e-38) }, 'heads of 1e-38 channels'],
    ['a vast vocabulary', { 'llama.vocab_size': huge }, 'vocab_size'],
    ['a number that is none', { 'llama.embedding_length': ggufF32(Number.NaN) }, 'hidden_size'],
    ['text for a number', { 'llama.embedding_length': ggufString('16') }, 'expected the key llama.embedding_length'],
    ['one size a block', { 'llama.attention.head_count': ggufArray('i32', [4, 4]) }, 'differs from layer to layer'],
    ['no family', { 'general.architecture': ggufString('martian') }, 'GGUF architecture "martian" is not known here'],
  ])('%s', async (_, keys, message) => {
    const path = await written(keys)
    await expect(openModel(path)).rejects.toThrow(message)
    await expect(openModel(path)).rejects.toThrow(expect.objectContaining({ name: 'FormatError' }))
  })

  it('rotary tables that no head has', async () => {
    const long = await written({}, { 'rope_freqs.weight': [2 ** 15] })
    await expect(openGgufModel(long)).rejects.toThrow('rope_freqs.weight is [32768]; 16384 are read')
    const other = await written({ 'llama.rope.dimension_count': huge }, { 'rope_freqs.weight': [2] })
    await expect(openGgufModel(other)).rejects.toThrow('rope_freqs.weight: expected 2147483647.5 divisors, got 2')
  })

  it('a tensor that the family has not', async () => {
    await expect(openGgufModel(await written({}, { strange: [1] }))).rejects.toThrow(
      'the tensor "strange" is not one of',
    )
  })
})

it('heads that share keys are refused where one matrix is cut by heads', () => {
  const sizes = { vocab_size: 40, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, rotary_pct: 0.5 }
  const config = { ...sizes, model_type: 'gpt_neox', max_position_embeddings: 8, num_key_value_heads: 1 }
  expect(() => randomCheckpoint(config)).toThrow(
    '2 heads share 1 key-value heads, but attention.query_key_value is cut by',
  )
})

describe('a vocabulary is refused for', () => {
  const read = (tokens: readonly string[], over: Readonly<Record<string, GgufValue>> = {}) => {
    const keys = {
      model: ggufString('llama'),
      tokens: ggufArray('string', tokens),
      scores: ggufArray(
        'f32',
        tokens.map(() => 0),
      ),
      ...over,
    }
    return tokenizerFromGguf(new Map(Object.entries(keys).map(([key, value]) => [`tokenizer.ggml.${key}`, value])))
  }
  const runs = (letters: number): string[] =>
    Array.from({ length: letters * 400 }, (_, i) =>
      String.fromCodePoint(0x4e00 + Math.floor(i / 400)).repeat(1 + (i % 400)),
    )

  it.each<[string, readonly string[], Readonly<Record<string, GgufValue>>, string]>([
    ['a token as long as a book', ['a'.repeat(513)], {}, 'a token of 513 characters; at most 512 are read'],
    ['millions of ways to join it', runs(10), {}, 'tokens can be joined in more than 786432 ways'],
    ['types of other tokens', ['a', 'b'], { token_type: ggufArray('i32', [1]) }, '2 tokens, but 1 token types'],
    [
      'scores of other tokens',
      ['a', 'b'],
      { scores: ggufArray('f32', [1]) },
      'tokenizers of kind "llama" are not read',
    ],
    ['no merges', ['a'], { model: ggufString('gpt2') }, 'expected tokenizer.ggml.merges'],
    [
      'an unknown that is no token',
      ['a'],
      { model: ggufString('bert'), unknown_token_id: huge },
      'to be one of 1 tokens',
    ],
    ['pieces without scores', ['a'], { model: ggufString('t5'), scores: ggufU32(1) }, '1 tokens, but no scores'],
  ])('%s', (_, tokens, over, message) => {
    expect(() => read(tokens, over)).toThrow(message)
    expect(() => read(tokens, over)).toThrow(expect.objectContaining({ name: 'FormatError' }))
  })

  it('merges of other tokens, when it is used', () => {
    const keys = { model: ggufString('gpt2'), pre: ggufString('gpt-2'), merges: ggufArray('string', ['a z']) }
    const made = read(['a', 'b'], keys)!
    expect(() => loadTokenizer(made)).toThrow(
      'tokenizer.json: merge 0 needs the token "z", which is not in model.vocab.',
    )
    expect(() => loadTokenizer(made)).toThrow(expect.objectContaining({ name: 'FormatError' }))
  })

  it('nothing that Gemma has: long runs of spaces, the same token twice', () => {
    const tokens = ['▁', ...Array.from({ length: 30 }, (_, i) => '▁'.repeat(i + 2)), '▁▁']
    const { tokenizerJson } = read(tokens)!
    expect((tokenizerJson.model as { merges: unknown[] }).merges).toHaveLength((30 * 31) / 2)
  })
})
