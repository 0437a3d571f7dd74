/** Blocks with sizes of their own: through config.json, through a GGUF file, and in llama.cpp. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32, referenceBackend, type Tensor, type TensorF32, tensor, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askLlamaCpp } from '../src/clients/llama-cpp.ts'
import { createModel } from '../src/create-model.ts'
import { openGguf } from '../src/formats/gguf.ts'
import { writeGguf } from '../src/formats/gguf-convert.ts'
import { openGgufModel } from '../src/formats/gguf-model.ts'
import { unevenSizes } from '../src/formats/gguf-uneven.ts'
import { ggufArray, ggufString, ggufU32 } from '../src/formats/gguf-value.ts'
import type { TensorSource } from '../src/formats/source.ts'
import { generate } from '../src/generate.ts'
import { logits } from '../src/head.ts'
import type { Model } from '../src/model.ts'
import { openModel } from '../src/open-model.ts'
import { canRunLlamaCpp } from '../src/testing/can-run-llama-cpp.ts'
import { randomCheckpoint } from '../src/testing/random-model.ts'
import { toyTokenizer } from '../src/testing/toy-tokenizer.ts'

const uniform = {
  model_type: 'llama',
  vocab_size: 96,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 8,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
}
const perLayer = {
  '1': { num_attention_heads: 2, num_key_value_heads: 2 },
  '2': { intermediate_size: 20 },
  '3': { num_attention_heads: 3, num_key_value_heads: 1, intermediate_size: 33 },
}
const config = { ...uniform, per_layer_config: perLayer }
const ids = [1, 40, 50, 33, 70, 21, 90, 30]

const logitsOf = async (model: Model): Promise<Float32Array> => {
  const input = tensor('i32', [1, ids.length], Int32Array.from(ids))
  return (await logits(model, referenceBackend(), input)).get('logits')!.data as Float32Array
}

const difference = (a: Float32Array, b: Float32Array): number =>
  Math.max(Math.abs(a.length - b.length), ...a.map((value, i) => Math.abs(value - b[i]!)))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uneven-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(): Promise<string> {
  const path = join(folder, 'uneven.gguf')
  const checkpoint = randomCheckpoint(config)
  await writeGguf(path, { ...checkpoint, tokenizerJson: toyTokenizer }, { encoding: 'F32' })
  return path
}

describe('config.json', () => {
  it('gives each block its shapes', () => {
    const model = createModel({ ...randomCheckpoint(config), path: '' })
    const shape = (block: number, name: string) => model.tracedBlock(block, {}).shapes.get(name)
    expect(shape(0, 'self_attn.q_proj.weight')).toEqual([32, 32])
    expect(shape(1, 'self_attn.q_proj.weight')).toEqual([16, 32])
    expect(shape(1, 'mlp.up_proj.weight')).toEqual([48, 32])
    expect(shape(2, 'mlp.down_proj.weight')).toEqual([32, 20])
    expect(shape(3, 'self_attn.k_proj.weight')).toEqual([8, 32])
    expect(shape(3, 'self_attn.o_proj.weight')).toEqual([32, 24])
  })

  it.each<[string, object, string]>([
    ['a layer that is not there', { per_layer_config: { '4': { intermediate_size: 8 } } }, 'names layer 4 of 4'],
    ['a key that is not computed', { per_layer_config: { '1': { skip_attention: true } } }, 'skip_attention'],
    ['no number of a layer', { per_layer_config: { '-1': {} } }, 'per_layer_config'],
    ['a size beyond its ceiling', { per_layer_config: { '1': { intermediate_size: 2 ** 40 } } }, 'intermediate_size'],
    [
      'heads that do not share keys evenly',
      { per_layer_config: { '1': { num_attention_heads: 3, num_key_value_heads: 2 } } },
      'layer 1: 3 heads are not a multiple of 2 key-value heads',
    ],
    [
      'heads of unknown width',
      { head_dim: null, per_layer_config: { '1': { num_attention_heads: 2, num_key_value_heads: 2 } } },
      'head_dim is needed',
    ],
  ])('refuses %s', (_, change, message) => {
    const { source } = randomCheckpoint(uniform)
    expect(() => createModel({ config: { ...uniform, ...change }, source, path: '' })).toThrow(message)
  })

  it('heads and neurons that are left out compute what the same ones do when they are zero', async () => {
    const whole = randomCheckpoint(uniform)
    // Block 1 keeps its first two heads, block 2 its first 20 neurons.
    const kept: Readonly<Record<string, number>> = { q_proj: 16, k_proj: 16, v_proj: 16, o_proj: 16 }
    const keep = (name: string): number | undefined => {
      const match = /layers\.(\d)\.\w+\.(\w+)\.weight/.exec(name)
      if (match?.[1] === '1') return kept[match[2]!]
      return match?.[1] === '2' && name.includes('mlp') ? 20 : undefined
    }
    const { per_layer_config: _, ...plain } = config
    const cut = changed(whole.source, (name, t) => {
      const size = keep(name)
      return size === undefined ? t : cropped(t, /o_proj|down_proj/.test(name), size)
    })
    const zero = changed(whole.source, (name, t) => {
      const size = keep(name)
      return size === undefined ? t : emptied(t, /o_proj|down_proj/.test(name), size)
    })
    const own = { '1': { num_attention_heads: 2, num_key_value_heads: 2 }, '2': { intermediate_size: 20 } }
    const small = createModel({ config: { ...plain, per_layer_config: own }, source: cut, path: '' })
    const masked = createModel({ config: plain, source: zero, path: '' })
    const [a, b] = [await logitsOf(small), await logitsOf(masked)]
    expect(difference(a, b)).toBeLessThan(1e-5)
    expect(difference(b, await logitsOf(createModel({ ...whole, path: '' })))).toBeGreaterThan(0.1)
    const backend = referenceBackend()
    const texts = []
    for (const model of [small, masked]) {
      const text: number[] = []
      for await (const id of generate(model, backend, ids, { tokens: 6, temperature: 0, stopIds: [] })) text.push(id)
      texts.push(text)
    }
    expect(texts[0]).toEqual(texts[1])
  })
})

describe('a GGUF file', () => {
  it('is one of deci, with a size for every block, and comes back as it was', async () => {
    const path = await written()
    const file = await openGguf(path)
    expect(file.metadata.get('general.architecture')).toEqual(ggufString('deci'))
    expect(file.metadata.get('deci.attention.head_count')).toEqual(ggufArray('i32', [4, 2, 4, 3]))
    expect(file.metadata.get('deci.attention.head_count_kv')).toEqual(ggufArray('i32', [4, 2, 4, 1]))
    expect(file.metadata.get('deci.feed_forward_length')).toEqual(ggufArray('i32', [48, 48, 20, 33]))
    await file.close()
    const back = await openGgufModel(path)
    expect(back.config).toMatchObject(config)
    const original = randomCheckpoint(config).source
    for (const name of original.names())
      expect(toF32(await back.source.read(name))).toEqual(toF32(await original.read(name)))
    await back.source.close()
    const model = await openModel(path)
    expect(await logitsOf(model)).toEqual(await logitsOf(createModel({ ...randomCheckpoint(config), path: '' })))
    await model.close()
  })

  it.runIf(canRunLlamaCpp)('llama.cpp gives our logits', async () => {
    const [answer] = await askLlamaCpp([{ path: await written(), ids: [ids] }])
    expect(answer!.architecture).toBe('deci')
    const ours = await logitsOf(createModel({ ...randomCheckpoint(config), path: '' }))
    const largest = Math.max(...ours.map(Math.abs))
    expect(difference(answer!.logits, ours) / largest).toBeLessThan(1e-5)
  })

  it('cannot be one of a family that llama.cpp has in one size only', async () => {
    const checkpoint = randomCheckpoint({ ...config, model_type: 'qwen2' })
    await expect(writeGguf(join(folder, 'no.gguf'), checkpoint, { encoding: 'F32' })).rejects.toThrow(
      "llama.cpp's qwen2 has blocks of one size; of several sizes it runs llama, mistral. Use --format hf",
    )
  })

  it.each<[string, readonly number[] | number, string]>([
    ['another length', [4, 4], 'expected deci.attention.head_count to be a number or 3 of them, got 2'],
    ['no attention', [4, 0, 4], 'deci.attention.head_count is 0 in block 1: such blocks are not computed'],
  ])('with lists of %s is refused', (_, heads, message) => {
    const get = (name: string) =>
      name === 'attention.head_count' && Array.isArray(heads) ? ggufArray('i32', heads) : ggufU32(4)
    expect(() => unevenSizes('deci', 3, get)).toThrow(message)
  })
})

function changed(source: TensorSource, change: (name: string, value: TensorF32) => TensorF32): TensorSource {
  const tensors = new Map<string, Promise<Tensor>>()
  const read = (name: string): Promise<Tensor> => {
    if (!tensors.has(name))
      tensors.set(
        name,
        source.read(name).then(value => change(name, toF32(value))),
      )
    return tensors.get(name)!
  }
  const shapeOf = (name: string): readonly number[] => {
    const { shape } = source.info(name)
    return change(name, f32(shape, new Float32Array(shape.reduce((n, d) => n * d, 1)))).shape
  }
  return { ...source, read, info: name => ({ ...source.info(name), shape: shapeOf(name) }) }
}

/** The first `size` rows or columns. */
function cropped(t: TensorF32, columns: boolean, size: number): TensorF32 {
  const [rows = 0, width = 0] = t.shape
  if (!columns) return f32([size, width], t.data.slice(0, size * width))
  const out = Array.from({ length: rows }, (_, row) => [...t.data.slice(row * width, row * width + size)])
  return f32([rows, size], out.flat())
}

function emptied(t: TensorF32, columns: boolean, size: number): TensorF32 {
  const width = t.shape[1]!
  return f32(
    t.shape,
    t.data.map((value, i) => ((columns ? i % width : Math.floor(i / width)) < size ? value : 0)),
  )
}
