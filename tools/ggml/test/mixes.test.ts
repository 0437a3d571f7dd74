/**
 * llama.cpp's mixes against llama.cpp itself: which type every tensor gets, and the whole files, byte by byte. What the library
 * decides for made-up models is asked by `llama_quant_compute_types`, for files by `llama_model_quantize`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openConversion } from '@sinter/engine'
import {
  encodings,
  ggufMixes,
  type ImportanceMatrix,
  type MixFacts,
  meanSquares,
  openGguf,
  planGguf,
  readImatrix,
  typesOfMix,
  writeGguf,
  writeImatrix,
} from '@sinter/model'
import { randomCheckpoint, toyTokenizer } from '@sinter/model/testing'
import { createRng, type Rng } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LlamaQuantize, type LlamaTensor, loadLlamaQuantize } from '../src/llama-quantize.ts'

const llama = load()

function load(): LlamaQuantize | undefined {
  try {
    return loadLlamaQuantize()
  } catch (error) {
    console.warn(`mixes were not compared with llama.cpp's, which does not load here: ${(error as Error).message}`)
    return undefined
  }
}

const nameOf = new Map(encodings.map(({ ggmlType, name }) => [ggmlType, name]))

const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.uniform() * items.length)]!

/** Parts that few models have: kept, counted with others, or of experts. */
const rare = [
  'ffn_gate_inp',
  'attn_q_norm',
  'attn_kv_b',
  'attn_k_b',
  'ffn_up_shexp',
  'ffn_down_shexp',
  'ffn_gate_shexp',
  'ssm_conv1d',
  'ssm_in',
  'time_mix_w1',
  'attn_rel_b',
  'indexer.k_proj',
  'proj',
]

function madeUp(rng: Rng): { facts: MixFacts; tensors: LlamaTensor[] } {
  const arch = pick(rng, ['llama', 'llama', 'qwen2', 'falcon', 'deci', 'gemma3', 'phi3', 'qwen3moe', 'deepseek2'])
  const layers = pick(rng, [1, 2, 3, 5, 8, 12, 16, 24, 33, ...(arch === 'llama' ? [80] : [48])])
  const heads = pick(rng, [4, 8, 32])
  const facts = {
    arch,
    layers,
    heads,
    kvHeads: pick(rng, [1, 2, heads / 2, heads]),
    experts: pick(rng, [0, 0, 0, 2, 4, 8, 16]),
  }
  const width = () => pick(rng, [256, 512, 256, 576, 640, 96, 100, 1024])
  const sometimes = (share: number) => rng.uniform() < share
  const tensors: LlamaTensor[] = []
  const add = (name: string, ...shape: number[]) => tensors.push({ name: `${name}.weight`, shape })
  add('token_embd', 300, width())
  if (sometimes(0.5)) add('output', 300, width())
  if (sometimes(0.2))
    for (const name of ['per_layer_token_embd', 'position_embd', 'token_types']) add(name, 300, width())
  add('output_norm', 256)
  const attention = sometimes(0.25) ? ['attn_qkv', 'attn_output'] : ['attn_k', 'attn_output', 'attn_q', 'attn_v']
  const [inner, hidden] = [width(), width()]
  for (let layer = 0; layer < layers; layer++) {
    for (const name of attention) add(`blk.${layer}.${name}`, 128, hidden)
    for (const name of ['ffn_down', 'ffn_gate', 'ffn_up'])
      if (facts.experts > 0) add(`blk.${layer}.${name}_exps`, facts.experts, 128, inner)
      // Pruned models lack some.
      else if (arch !== 'deci' || sometimes(0.7)) add(`blk.${layer}.${name}`, 128, inner)
    for (const name of rare) if (sometimes(0.1)) add(`blk.${layer}.${name}`, 128, hidden)
  }
  const layerOf = ({ name }: LlamaTensor) => Number(/^blk\.(\d+)/.exec(name)?.[1] ?? -1)
  return { facts, tensors: tensors.sort((a, b) => layerOf(a) - layerOf(b) || (a.name < b.name ? -1 : 1)) }
}

describe.skipIf(!llama)('the type of every tensor', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i))('of made-up model %i, in every mix', i => {
    const { facts, tensors } = madeUp(createRng(`mix ${i}`))
    for (const [name, mix] of Object.entries(ggufMixes)) {
      // Rows that do not divide have no way out there, and llama.cpp throws.
      if (mix.base === 'Q1_0') continue
      const theirs = llama!
        .typesOf(mix.fileType, facts, tensors)
        .map(type => (type === undefined ? undefined : nameOf.get(type)))
      const ours = typesOfMix(mix, tensors, facts, false).map(({ type }) => type)
      const wrong = tensors.flatMap((tensor, j) =>
        ours[j] === theirs[j] ? [] : [`${name} ${tensor.name}: ${ours[j]}, llama.cpp ${theirs[j]}`],
      )
      expect(wrong.slice(0, 5)).toEqual([])
    }
  })
})

/** Small, for llama.cpp's searches take a second for a million weights. */
const common = { vocab_size: 320, max_position_embeddings: 64, rms_norm_eps: 1e-5, rope_theta: 10000 }
const heads = { num_attention_heads: 8, num_key_value_heads: 2 }

interface Case {
  readonly config: object
  readonly mixes: readonly string[]
}

/** llama.cpp has no smaller block for rows that Q1_0 does not divide, and refuses; it has a model of its own. */
const all = Object.keys(ggufMixes).filter(mix => mix !== 'Q1_0')
const models: Readonly<Record<string, Case>> = {
  'a llama whose key heads are shared': {
    config: {
      model_type: 'llama',
      hidden_size: 256,
      intermediate_size: 256,
      num_hidden_layers: 8,
      head_dim: 8,
      ...heads,
    },
    mixes: all,
  },
  'one that ties, whose rows few blocks divide': {
    config: {
      model_type: 'llama',
      hidden_size: 96,
      intermediate_size: 200,
      num_hidden_layers: 3,
      ...heads,
      num_key_value_heads: 4,
      tie_word_embeddings: true,
    },
    mixes: all,
  },
  'one for blocks of 128': {
    config: {
      model_type: 'llama',
      hidden_size: 128,
      intermediate_size: 128,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 2,
    },
    mixes: ['Q1_0', 'Q2_0'],
  },
  'a qwen2 as deep as the one of 72 billion': {
    config: {
      model_type: 'qwen2',
      hidden_size: 256,
      intermediate_size: 32,
      num_hidden_layers: 80,
      head_dim: 8,
      ...heads,
    },
    mixes: ['Q2_K', 'Q3_K_M', 'Q4_K_S', 'Q4_K_M'],
  },
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mixes-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function prepare(
  name: string,
): Promise<{ input: string; imatrix: string; importance: Map<string, Float32Array> }> {
  const base = join(folder, name.replaceAll(' ', '-'))
  const checkpoint = randomCheckpoint({ ...common, ...models[name]!.config }, name)
  const input = `${base}.gguf`
  const { config } = checkpoint
  await writeGguf(input, { ...checkpoint, config, tokenizerJson: toyTokenizer }, { encoding: 'F32', name })
  const imatrix = `${base}.imatrix.gguf`
  await writeImatrix(imatrix, importanceOf(planGguf(config, checkpoint.source).tensors, createRng(name)))
  const { entries } = await readImatrix(imatrix)
  return { input, imatrix, importance: new Map([...entries].map(([key, entry]) => [key, meanSquares(entry)])) }
}

function importanceOf(tensors: readonly LlamaTensor[], rng: Rng): ImportanceMatrix {
  const matrices = tensors.filter(({ name, shape }) => name.startsWith('blk.') && shape.length === 2)
  const sums = (width: number) => Float32Array.from({ length: width }, () => 1000 * rng.uniform() ** 6)
  return {
    entries: new Map(matrices.map(({ name, shape }) => [name, { sums: sums(shape.at(-1)!), counts: [777] }])),
    datasets: ['text.txt'],
    chunks: 3,
    chunkSize: 259,
  }
}

async function convert(input: string, mix: string, out: string, imatrix?: string): Promise<void> {
  const conversion = await openConversion(input, { to: `gguf:${mix}`, imatrix })
  try {
    // The models are small: a second thread takes longer to begin than the whole takes one.
    const events = conversion.write({ out, threads: 1 })
    while (!(await events.next()).done);
  } finally {
    await conversion.close()
  }
}

/** The keys about the matrix are llama-quantize's, not its library's. */
async function tensorsOf(path: string): Promise<Map<string, string>> {
  const file = await openGguf(path)
  const found = new Map<string, string>()
  for (const name of file.names())
    found.set(name, `${file.info(name).encoding} ${Buffer.from(await file.readBytes(name)).toString('base64')}`)
  await file.close()
  return found
}

/** IQ1 and IQ2 are slow there: a minute on a machine that others share. */
const PATIENCE = 300_000

describe.skipIf(!llama).each(Object.keys(models))('%s as a file', name => {
  const { mixes } = models[name]!
  let made: Awaited<ReturnType<typeof prepare>>
  beforeAll(async () => {
    made = await prepare(name)
  })
  const paths = (mix: string, what: string) =>
    ['ours', 'theirs'].map(who => join(folder, `${name.replaceAll(' ', '-')}-${mix}-${what}-${who}.gguf`)) as [
      string,
      string,
    ]

  it.each(mixes)(
    '%s: the same file to the last byte, or refused by both',
    async mix => {
      const [ours, theirs] = paths(mix, 'plain')
      const refused = await convert(made.input, mix, ours).catch((error: Error) => error.message)
      const quantize = () => llama!.quantize(made.input, theirs, { fileType: ggufMixes[mix]!.fileType })
      if (refused !== undefined) {
        expect(refused).toContain(`${mix} needs the importance`)
        expect(quantize).toThrow('imatrix')
      } else {
        quantize()
        expect((await readFile(ours)).equals(await readFile(theirs))).toBe(true)
      }
    },
    PATIENCE,
  )

  it.each(mixes)(
    '%s with importance: the same tensors',
    async mix => {
      const [ours, theirs] = paths(mix, 'weighed')
      llama!.quantize(made.input, theirs, { fileType: ggufMixes[mix]!.fileType, importance: made.importance })
      await convert(made.input, mix, ours, made.imatrix)
      const [a, b] = [await tensorsOf(ours), await tensorsOf(theirs)]
      expect([...b.keys()].filter(key => a.get(key) !== b.get(key))).toEqual([])
      expect(a.size).toBe(b.size)
    },
    PATIENCE,
  )
})
