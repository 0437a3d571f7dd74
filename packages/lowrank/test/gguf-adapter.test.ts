/**
 * What llama.cpp makes of our adapter files: a model with its adapter beside it must give the logits of the merged model.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createGgufWriter,
  createModel,
  encodingNamed,
  type GgufValue,
  ggufF32,
  ggufString,
  type LowRankFactors,
  type Model,
  openGguf,
  storedLayers,
  writeGguf,
} from '@sinter/model'
import {
  type Answer,
  askLlamaCpp,
  canRunLlamaCpp,
  mergedModel,
  type RandomCheckpoint,
  randomCheckpoint,
  randomModel,
  toyTokenizer,
} from '@sinter/model/testing'
import { createRng, f32, roundToF16, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mergeLora, readGgufAdapter, writeGgufAdapter } from '../src/index.ts'

const sizes = {
  vocab_size: 96,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
}
const decoder = { ...sizes, num_key_value_heads: 2, rms_norm_eps: 1e-5, hidden_act: 'silu' }

const configs: readonly Readonly<Record<string, unknown>>[] = [
  // Rows of q and k change places.
  { ...decoder, model_type: 'llama' },
  { ...decoder, model_type: 'qwen2' },
  {
    ...decoder,
    model_type: 'gemma2',
    head_dim: 8,
    query_pre_attn_scalar: 8,
    sliding_window: 64,
    hidden_act: 'gelu_pytorch_tanh',
  },
  // q, k and v in one matrix, and gate and up.
  { ...decoder, model_type: 'phi3' },
  // Matrices stored as [in, out].
  { ...sizes, model_type: 'gpt2', layer_norm_epsilon: 1e-5, activation_function: 'gelu_new' },
  // Blocks with heads of their own.
  {
    ...decoder,
    model_type: 'mistral',
    head_dim: 8,
    per_layer_config: { '1': { num_attention_heads: 3, num_key_value_heads: 1, intermediate_size: 40 } },
  },
  // q, k and v interleaved by head.
  { ...sizes, model_type: 'gpt_neox', layer_norm_eps: 1e-5, rotary_pct: 0.5, hidden_act: 'gelu' },
]

/** Machines for which llama.cpp's library is installed (pnpm-workspace.yaml leaves the others out). */

/** Random adapters whose ranks and factors differ from layer to layer. */
function randomAdapter(model: Model): Map<string, LowRankFactors> {
  const rng = createRng('adapter')
  const normal = (shape: readonly [number, number]) =>
    f32(
      shape,
      Float32Array.from({ length: shape[0] * shape[1] }, () => 0.2 * rng.normal()),
    )
  return new Map(
    storedLayers(model).map(({ stored, shape: [out, width] }, i) => {
      const rank = 2 + (i % 3)
      return [stored, { a: normal([rank, width]), b: normal([out, rank]), scale: i % 2 === 0 ? 1.5 : 0.7 }] as const
    }),
  )
}

async function writeModel(path: string, { config, source }: RandomCheckpoint): Promise<void> {
  await writeGguf(path, { config, source, tokenizerJson: toyTokenizer }, { encoding: 'F32' })
}

const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

describe.runIf(canRunLlamaCpp)('llama.cpp applies an adapter', () => {
  let folder = ''
  const answers = new Map<string, { readonly [key in 'plain' | 'adapted' | 'merged']: Answer }>()
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gguf-adapter-'))
    const ids = [[1, 40, 50, 33, 70, 21, 90, 30]]
    const questions = []
    for (const config of configs) {
      const name = String(config.model_type)
      const checkpoint = randomCheckpoint(config)
      const model = createModel({ ...checkpoint, path: name })
      const adapter = randomAdapter(model)
      const [base, lora, merged] = ['base', 'lora', 'merged'].map(part => join(folder, `${name}.${part}.gguf`))
      await writeModel(base!, checkpoint)
      await writeGgufAdapter(lora!, model, adapter)
      const merge = (layer: string, weight: Parameters<typeof mergeLora>[0]) => mergeLora(weight, adapter.get(layer)!)
      const { source } = await mergedModel(model, { parameters: new Map(), merge })
      await writeModel(merged!, { config, source })
      questions.push({ path: base!, ids }, { path: base!, lora: lora!, ids }, { path: merged!, ids })
    }
    const given = await askLlamaCpp(questions)
    for (const [i, { model_type }] of configs.entries()) {
      const [plain, adapted, merged] = given.slice(3 * i, 3 * i + 3) as [Answer, Answer, Answer]
      answers.set(String(model_type), { plain, adapted, merged })
    }
  })
  afterAll(() => rm(folder, { recursive: true }))

  test.each(configs.map(({ model_type }) => String(model_type)))('%s: the logits of the merged model', name => {
    const { plain, adapted, merged } = answers.get(name)!
    const spread = Math.max(...merged.logits) - Math.min(...merged.logits)
    // ggml looks gelu up in a table of half floats.
    const tolerance = name.startsWith('g') ? 1e-3 : 1e-5
    expect(difference(adapted.logits, merged.logits)).toBeLessThan(tolerance * spread)
    expect(difference(plain.logits, merged.logits)).toBeGreaterThan(0.05 * spread)
  })
})

describe('the file', () => {
  const model = randomModel()
  const layer = 'model.layers.1.self_attn.v_proj'
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gguf-adapter-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const factors = {
    a: f32(
      [1, 16],
      Float32Array.from({ length: 16 }, (_, i) => i / 3),
    ),
    b: f32([8, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
  }

  test('says what it is, and holds the factors under names of llama.cpp', async () => {
    const path = join(folder, 'named.gguf')
    await writeGgufAdapter(path, model, new Map([[layer, { ...factors, scale: 0.5 }]]), {
      name: 'mine',
      encoding: 'F16',
    })
    const file = await openGguf(path)
    const { metadata } = file
    const value = (key: string) => metadata.get(key)?.value
    expect(value('general.type')).toBe('adapter')
    expect(value('general.architecture')).toBe('llama')
    expect(value('general.name')).toBe('mine')
    expect(value('adapter.type')).toBe('lora')
    expect(value('adapter.lora.alpha')).toBe(0.5)
    expect(file.names()).toEqual(['blk.1.attn_v.weight.lora_a', 'blk.1.attn_v.weight.lora_b'])
    const a = await file.read('blk.1.attn_v.weight.lora_a')
    expect(a.dtype).toBe('f16')
    expect(toF32(a).data).toEqual(factors.a.data.map(roundToF16))
    expect(toF32(await file.read('blk.1.attn_v.weight.lora_b')).data).toEqual(factors.b.data)
    await file.close()
  })

  test.each(configs)('comes back as the adapter that it was: $model_type', async config => {
    const path = join(folder, 'back.gguf')
    const subject = randomModel(config)
    const adapter = randomAdapter(subject)
    await writeGgufAdapter(path, subject, adapter)
    const back = await readGgufAdapter(path, subject)
    expect([...back.keys()]).toEqual([...adapter.keys()])
    for (const [stored, { a, b, scale }] of back) {
      const original = adapter.get(stored)!
      expect(a).toEqual(original.a)
      expect(b.shape).toEqual(original.b.shape)
      // The file has one alpha: a layer's own factor may have gone into B.
      const ratio = original.scale / scale
      b.data.forEach((value, i) => {
        expect(value).toBeCloseTo(original.b.data[i]! * ratio, 5)
      })
    }
  })

  /** A file with these tensors, all zeros unless given. */
  async function fileOf(
    keys: Readonly<Record<string, GgufValue>>,
    tensors: Readonly<Record<string, number[]>>,
    fill = 0,
  ) {
    const path = join(folder, 'strange.gguf')
    const specs = Object.entries(tensors).map(([name, shape]) => ({ name, shape, encoding: encodingNamed('F32') }))
    const sound = {
      'general.type': ggufString('adapter'),
      'general.architecture': ggufString('llama'),
      'adapter.type': ggufString('lora'),
      'adapter.lora.alpha': ggufF32(2),
    }
    const writer = await createGgufWriter(path, new Map(Object.entries({ ...sound, ...keys })), specs)
    for (const { name, shape } of specs)
      await writer.write(name, f32(shape, new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(fill)))
    await writer.commit()
    return path
  }
  const [a, b] = ['blk.1.attn_v.weight.lora_a', 'blk.1.attn_v.weight.lora_b']
  const good = { [a!]: [2, 16], [b!]: [8, 2] }

  test('a sound file of these tensors is read', async () => {
    const read = await readGgufAdapter(await fileOf({}, good, 1), model)
    expect([...read.keys()]).toEqual([layer])
    expect(read.get(layer)!.scale).toBe(1)
  })

  test.each<[string, Parameters<typeof fileOf>, string]>([
    ['a model', [{ 'general.type': ggufString('model') }, good], 'expected general.type to be "adapter", got "model"'],
    ['another kind of adapter', [{ 'adapter.type': ggufString('x') }, good], 'expected adapter.type to be "lora"'],
    ['another family', [{ 'general.architecture': ggufString('qwen2') }, good], 'to be "llama", got "qwen2"'],
    ['no number for alpha', [{ 'adapter.lora.alpha': ggufString('2') }, good], 'expected adapter.lora.alpha'],
    ['an endless alpha', [{ 'adapter.lora.alpha': ggufF32(Number.NaN) }, good], 'expected adapter.lora.alpha'],
    ['nothing', [{}, {}], 'has no adapter'],
    ['one factor', [{}, { [a!]: [2, 16] }], 'blk.1.attn_v.weight has only its factor A'],
    ['two ranks', [{}, { [a!]: [2, 16], [b!]: [8, 3] }], 'expected floats [8,2], got f32 [8,3]'],
    ['another width', [{}, { [a!]: [2, 17], [b!]: [8, 2] }], 'expected floats [2,16], got f32 [2,17]'],
    ['no rank', [{}, { [a!]: [0, 16], [b!]: [8, 0] }], 'expected a rank of 1 … 16384, got 0'],
    [
      'a layer that the model has not',
      [{}, { ...good, 'blk.7.attn_v.weight.lora_a': [2, 16] }],
      'is no factor of a layer',
    ],
    ['a number that is none', [{}, good, Number.NaN], 'lora_a'],
  ])('refuses a file of %s', async (_, args, message) => {
    await expect(readGgufAdapter(await fileOf(...args), model)).rejects.toThrow(message)
    await expect(readGgufAdapter(await fileOf(...args), model)).rejects.toThrow(
      expect.objectContaining({ name: 'FormatError' }),
    )
  })

  test('is refused for families that llama.cpp has not, and for nothing', async () => {
    const opt = randomModel({
      model_type: 'opt',
      vocab_size: 40,
      hidden_size: 16,
      ffn_dim: 24,
      num_hidden_layers: 1,
      num_attention_heads: 2,
    })
    const path = join(folder, 'refused.gguf')
    await expect(writeGgufAdapter(path, opt, randomAdapter(opt))).rejects.toThrow(
      'GGUF has no place for a model of type "opt"',
    )
    await expect(writeGgufAdapter(path, model, new Map())).rejects.toThrow('adapter: it has no layer')
  })
})
