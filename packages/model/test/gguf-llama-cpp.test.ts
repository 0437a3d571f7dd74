/**
 * What llama.cpp makes of our GGUF files. Expected logits were recorded from transformers, so these tests hold the whole
 * way from a Hugging Face checkpoint into a runtime that shares no code with either.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32, referenceBackend, tensor, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, askLlamaCpp } from '../src/clients/llama-cpp.ts'
import type { Config } from '../src/formats/config-fields.ts'
import { decodeValues, encodingNamed } from '../src/formats/encodings.ts'
import { openGguf } from '../src/formats/gguf.ts'
import { type GgufCheckpoint, type GgufWriteOptions, writeGguf } from '../src/formats/gguf-convert.ts'
import { openGgufModel } from '../src/formats/gguf-model.ts'
import { type Checkpoint, openCheckpoint } from '../src/formats/hf-directory.ts'
import { packQ4_0, packQ4_1 } from '../src/formats/pack-codes.ts'
import { decodeSafetensors } from '../src/formats/safetensors.ts'
import { logits } from '../src/head.ts'
import { openModel } from '../src/open-model.ts'
import { toyTokenizer } from '../src/testing/toy-tokenizer.ts'
import { loadTokenizer } from '../src/tokenizer/tokenizer.ts'
import { type Case, cases } from './helpers/gguf-cases.ts'
import { demoModel, forLlamaCpp, goldenFolder, testWith } from './helpers/places.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-client-'))
})
afterAll(() => rm(folder, { recursive: true }))

const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let max = 0
  for (let i = 0; i < b.length; i++) max = Math.max(max, Math.abs(a[i]! - b[i]!))
  return Math.max(max, a.length === b.length ? 0 : Number.POSITIVE_INFINITY)
}

async function convert(
  name: string,
  checkpoint: GgufCheckpoint,
  options: Partial<GgufWriteOptions> = {},
): Promise<{ path: string; notes: readonly string[] }> {
  const path = join(folder, `${name}.gguf`)
  const { notes } = await writeGguf(
    path,
    { ...checkpoint, tokenizerJson: checkpoint.tokenizerJson ?? toyTokenizer },
    { encoding: 'F32', ...options },
  )
  return { path, notes }
}

/** The recorded checkpoints that are here, as files for llama.cpp. */
interface Prepared {
  readonly name: string
  readonly test: Case
  readonly golden: string
  readonly path: string
  readonly notes: readonly string[]
}
const present = cases.flatMap(test => {
  const golden = forLlamaCpp(goldenFolder('families', test.name))
  return golden ? [{ test, golden }] : []
})

async function prepare(test: Case, golden: string): Promise<Prepared> {
  const checkpoint = await openCheckpoint(golden)
  const written = await convert(test.name, test.adapt?.(checkpoint) ?? checkpoint)
  await checkpoint.close()
  return { name: test.name, test, golden, ...written }
}

async function recordOf(golden: string): Promise<{ rows: number[][]; logits: Float32Array; shape: readonly number[] }> {
  const record = decodeSafetensors(await readFile(join(golden, 'expected.safetensors'))).tensors
  const expected = record.get('logits')!
  const [batch = 0, tokens = 0] = expected.shape
  const ids = record.get('input_ids')!.data
  const rows = Array.from({ length: batch }, (_, b) => Array.from(ids.slice(b * tokens, (b + 1) * tokens), Number))
  return { rows, logits: expected.data as Float32Array, shape: expected.shape }
}

describe('llama.cpp gives the logits of transformers', () => {
  const prepared = new Map<string, Prepared & { readonly answer: Answer }>()
  beforeAll(async () => {
    const files: Prepared[] = []
    for (const { test, golden } of present) files.push(await prepare(test, golden))
    const questions = await Promise.all(
      files.map(async file => ({ path: file.path, ids: (await recordOf(file.golden)).rows })),
    )
    const answers = await askLlamaCpp(questions)
    for (const [i, file] of files.entries()) prepared.set(file.name, { ...file, answer: answers[i]! })
  })

  for (const test of cases)
    testWith(test.name, forLlamaCpp(goldenFolder('families', test.name)), `families/${test.name}`, async golden => {
      const { notes, answer } = prepared.get(test.name)!
      const { logits, shape } = await recordOf(golden)
      const [batch, tokens, vocabulary] = shape as [number, number, number]
      const compared = (test.positions ?? tokens) * vocabulary
      for (let b = 0; b < batch; b++) {
        const at = b * tokens * vocabulary
        const difference = maxDifference(answer.logits.subarray(at, at + compared), logits.subarray(at, at + compared))
        expect(difference).toBeLessThan(test.tolerance ?? 1e-4)
      }
      expect(notes.join()).toContain(test.note ?? '')
      if (!test.note) expect(notes).toEqual([])
    })

  it.each([
    ['llama-mqa-headdim-bias', "llama.cpp's llama cannot do the activation gelu: it has silu. Use --format hf"],
    ['gemma2-softcap', "llama.cpp's gemma2 cannot do query_pre_attn_scalar 9: it uses 12. Use --format hf"],
    [
      'smollm3-nope',
      "llama.cpp's smollm3 cannot do no_rope_layers [1,1,0]: it leaves rope out of every fourth layer. Use --format hf",
    ],
    ['gpt2-hub-names', "llama.cpp's gpt2 cannot do the activation relu: it has gelu_new. Use --format hf"],
    ['opt-pre', 'GGUF has no place for a model of type "opt"; it can be written for llama, mistral, qwen2'],
  ])('what it would compute otherwise is refused: %s', async (name, message) => {
    const golden = goldenFolder('families', name)
    if (!golden) return console.warn(`${name}: left out, families/${name} is not here`)
    const checkpoint = await openCheckpoint(golden)
    await expect(convert('refused', checkpoint)).rejects.toThrow(message)
    await checkpoint.close()
  })
})

describe('a GGUF file runs here as the model that it was made from', () => {
  for (const test of cases)
    testWith(test.name, goldenFolder('families', test.name), `families/${test.name}`, async golden => {
      const { path } = await prepare(test, golden)
      const record = await recordOf(golden)
      const [, tokens, vocabulary] = record.shape as [number, number, number]
      const model = await openModel(path)
      const ids = tensor('i32', [1, tokens], Int32Array.from(record.rows[0]!))
      const found = (await logits(model, referenceBackend(), ids)).get('logits')!
      // A window that GGUF does not keep is no longer there.
      const compared = (test.positions ?? tokens) * vocabulary
      const difference = maxDifference(
        (found.data as Float32Array).subarray(0, compared),
        record.logits.subarray(0, compared),
      )
      expect(difference).toBeLessThan(2e-4)
      await model.close()
    })
})

describe('what was written comes back as the same Hugging Face model', () => {
  for (const { name, adapt } of cases)
    testWith(name, goldenFolder('families', name), `families/${name}`, async golden => {
      const checkpoint = await openCheckpoint(golden)
      const wanted = adapt?.(checkpoint) ?? checkpoint
      const { path } = await convert(`back-${name}`, wanted)
      const back = await openGgufModel(path)
      for (const tensor of back.source.names()) {
        if (!wanted.source.names().includes(tensor)) continue
        const value = toF32(await back.source.read(tensor))
        const original = toF32(await wanted.source.read(tensor))
        expect(value.shape).toEqual(original.shape)
        // Gemma's 1 + w loses the last bit of a small w; everything else is the same to the bit.
        expect(maxDifference(value.data, original.data)).toBeLessThanOrEqual(/norm/.test(tensor) ? 2e-7 : 0)
      }
      for (const [field, value] of Object.entries(back.config))
        if (field in wanted.config && field !== 'architectures' && field !== 'model_type' && !sameMeaning.has(field))
          expect({ [field]: value }).toEqual({ [field]: wanted.config[field] })
      await back.source.close()
      await checkpoint.close()
    })
})

/** Fields that are put another way, or that llama.cpp does not keep. */
const sameMeaning = new Set([
  'rope_scaling',
  'rope_theta',
  'sliding_window',
  'use_sliding_window',
  'tie_word_embeddings',
  'pad_token_id',
  'bos_token_id',
  'eos_token_id',
  'n_inner',
  'partial_rotary_factor',
  'layer_types',
  'hidden_activation',
])

testWith(
  'an unfamiliar way to cut text is said when writing, and keeps nobody from the weights when reading',
  goldenFolder('families', 'llama-rope-llama3'),
  'families/llama-rope-llama3',
  async golden => {
    const checkpoint = await openCheckpoint(golden)
    const pre = { type: 'Split', pattern: { Regex: 'x' }, behavior: 'Isolated', invert: false }
    const tokenizerJson = { ...toyTokenizer, pre_tokenizer: pre }
    const { path, notes } = await convert('odd-tokenizer', { ...checkpoint, tokenizerJson })
    expect(notes).toEqual([
      'llama.cpp has no pre-tokenizer like this one (tokenizer.json): it may split text differently',
    ])
    const back = await openCheckpoint(path)
    expect(back.tokenizerJson).toBeUndefined()
    expect(back.tokenizerProblem).toBe('gguf: the pre-tokenizer "default" is not known here')
    expect((await back.source.read('model.norm.weight')).shape).toEqual([32])
    await back.close()
    await checkpoint.close()
  },
)

describe('tokenizers', () => {
  const kinds = [
    'bpe-byte-fallback-llama2',
    'byte-bpe-gpt2',
    'byte-bpe-llama3',
    'byte-bpe-qwen2',
    'wordpiece-bert-uncased',
    'unigram-t5',
  ]
  /** Texts that llama.cpp cuts otherwise than the tokenizer.json says, whatever is written into the file. */
  const otherwise: Readonly<Record<string, (text: string) => boolean>> = {
    // It does not normalize to NFC.
    'byte-bpe-qwen2': text => text !== text.normalize('NFC'),
    // It takes vowel signs for accents, leaves Korean syllables decomposed, and has words of any length.
    'wordpiece-bert-uncased': text => /\p{Mc}|\p{Script=Hangul}|\S{101,}/u.test(text),
  }
  for (const kind of kinds)
    testWith(
      `${kind}: llama.cpp and the file read back give the recorded ids`,
      forLlamaCpp(goldenFolder('tokenizers', kind)),
      `tokenizers/${kind}`,
      async golden => {
        const base = goldenFolder('families', 'llama-rope-llama3')!
        const checkpoint = await openCheckpoint(base)
        const tokenizerJson = JSON.parse(await readFile(join(golden, 'tokenizer.json'), 'utf8')) as Config & {
          model: { vocab: Record<string, number> }
          added_tokens: { id: number }[]
        }
        const { vocab } = tokenizerJson.model
        const ids = Array.isArray(vocab) ? [...vocab.keys()] : Object.values(vocab)
        const size = 1 + Math.max(...ids, ...tokenizerJson.added_tokens.map(({ id }) => id))
        const { path, notes } = await convert(kind, { ...withVocabulary(checkpoint, size), tokenizerJson })
        expect(notes).toEqual([])
        const recorded = JSON.parse(await readFile(join(golden, 'cases.json'), 'utf8')) as {
          cases: { text: string; ids: number[]; ids_plain: number[] }[]
        }
        const [answer] = await askLlamaCpp([{ path, ids: [], texts: recorded.cases.map(({ text }) => text) }])
        const { tokenized } = answer!
        const alike = recorded.cases.filter(({ text }) => !otherwise[kind]?.(text))
        for (const test of alike) expect(tokenized[recorded.cases.indexOf(test)]).toEqual(test.ids_plain)
        expect(alike.length).toBeGreaterThanOrEqual(recorded.cases.length - 4)
        const back = await openGgufModel(path)
        const tokenizer = loadTokenizer(back.tokenizer!)
        // Unigram and WordPiece come from a library, which does not always give the recorded ids.
        const original = loadTokenizer({ tokenizerJson })
        for (const { text, ids } of recorded.cases)
          expect(tokenizer.encode(text)).toEqual(kind.includes('bpe') ? ids : original.encode(text))
        await back.source.close()
        await checkpoint.close()
      },
    )
})

/** The same model with another number of (empty) embeddings. */
function withVocabulary(checkpoint: Checkpoint, size: number): GgufCheckpoint {
  const { source, config } = checkpoint
  const isTable = (name: string): boolean => /embed_tokens|lm_head/.test(name)
  const width = Number(config.hidden_size)
  const empty = f32([size, width], new Float32Array(size * width))
  return {
    config: { ...config, vocab_size: size },
    source: {
      names: source.names,
      info: name => (isTable(name) ? { ...source.info(name), shape: empty.shape } : source.info(name)),
      read: async name => (isTable(name) ? empty : source.read(name)),
    },
  }
}

describe('the demo model', () => {
  testWith('opens, tokenizes and continues as itself', forLlamaCpp(demoModel()), 'the demo model', async demo => {
    const checkpoint = await openCheckpoint(demo)
    const { path, notes } = await convert('demo', checkpoint)
    expect(notes).toEqual([])
    const tokenizer = loadTokenizer({
      tokenizerJson: checkpoint.tokenizerJson,
      tokenizerConfig: checkpoint.tokenizerConfig,
    })
    const texts = ['Once upon a time 42 birds sang.\n\nWhy?  Nobody knew…', 'ça va? 日本語 🙂', '<|bos|>a<|end|>']
    const ids = [tokenizer.bosId!, ...tokenizer.encode('The cat ')]
    const [answer] = await askLlamaCpp([{ path, ids: [ids], greedy: 8, texts }])
    expect(answer!.architecture).toBe('llama')
    expect(answer!.tokenized).toEqual(texts.map(text => tokenizer.encode(text, { addSpecialTokens: false })))
    // The greedy continuation is the argmax of the logits that came back beside it.
    const last = answer!.logits.subarray((ids.length - 1) * answer!.vocabSize)
    expect(answer!.greedy[0]).toBe(last.indexOf(Math.max(...last)))
    await checkpoint.close()
  })

  testWith(
    'codes of our own in Q4_0 and Q4_1: llama.cpp computes with exactly their values',
    forLlamaCpp(demoModel()),
    'the demo model',
    async demo => {
      const checkpoint = await openCheckpoint(demo)
      const scaleBits = 0x2400 // 2^-6 in f16
      const minBits = 0xac00 // -2^-4
      const isLinear = (name: string): boolean =>
        /blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight/.test(name)
      for (const [encoding, pack] of [
        ['Q4_0', (codes: Uint8Array, scales: Uint16Array) => packQ4_0(codes, scales)],
        [
          'Q4_1',
          (codes: Uint8Array, scales: Uint16Array) =>
            packQ4_1(
              codes,
              scales,
              scales.map(() => minBits),
            ),
        ],
      ] as const) {
        const bytes = new Map<string, Uint8Array>()
        const quantized = await convert(`codes-${encoding}`, checkpoint, {
          encodingOf: t => (isLinear(t.name) ? encoding : undefined),
          bytesOf: async t => {
            if (!isLinear(t.name)) return undefined
            const count = t.shape[0]! * t.shape[1]!
            const codes = Uint8Array.from({ length: count }, (_, i) => (Math.imul(i, 2654435761) >>> 28) & 15)
            bytes.set(t.name, pack(codes, new Uint16Array(count / 32).fill(scaleBits)))
            return bytes.get(t.name)
          },
        })
        const file = await openGguf(quantized.path)
        for (const [name, packed] of bytes) expect(await file.readBytes(name)).toEqual(packed)
        await file.close()
        const dense = await convert(`dense-${encoding}`, checkpoint, {
          bytesOf: async t => {
            const packed = bytes.get(t.name)
            if (!packed) return undefined
            const values = decodeValues(encodingNamed(encoding), packed, t.shape[0]! * t.shape[1]!)
            return new Uint8Array(values.buffer)
          },
        })
        const ids = [[1, 40, 500, 33, 700, 21, 90, 300]]
        const [a, b] = (await askLlamaCpp([
          { path: quantized.path, ids },
          { path: dense.path, ids },
        ])) as [Answer, Answer]
        // llama.cpp rounds the activations to 8 bits for 4-bit weights; a wrong nibble order would be off by whole units.
        const spread = Math.max(...b.logits) - Math.min(...b.logits)
        expect(maxDifference(a.logits, b.logits) / spread).toBeLessThan(0.05)
      }
      await checkpoint.close()
    },
  )
})
