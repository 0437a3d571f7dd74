import { createModel, families, familyOf, type TensorSource } from '@sinter/model'
import { bytesOf, type Tensor } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import {
  type FolderName,
  folderPath,
  folders,
  readJson,
  reconfigured,
  tellLeftOut,
  withFolder,
} from './helpers/family-folders.ts'

tellLeftOut()

const llama: FolderName = 'llama-mqa-headdim-bias'
const open = (name: FolderName, change: Readonly<Record<string, unknown>>) =>
  withFolder(name, async ({ model }) => reconfigured(model, name, change))

/** The source without a tensor, or with another shape for one, or with one more. */
function tampered(
  source: TensorSource,
  { drop = '', add = '', shapes = {} as Record<string, number[]> },
): TensorSource {
  return {
    ...source,
    names: () => [...source.names().filter(name => name !== drop), ...(add ? [add] : [])],
    has: name => (name !== drop && source.has(name)) || name === add,
    info: name => ({ ...source.info(name), ...(shapes[name] && { shape: shapes[name] }) }),
  }
}

const openTampered = (change: Parameters<typeof tampered>[1]) =>
  withFolder(llama, async ({ model }) =>
    createModel({
      config: readJson(`${folderPath(llama)}/config.json`),
      source: tampered(model.source, change),
      path: '',
    }),
  )

describe('families', () => {
  test('every model_type belongs to one family', () => {
    const types = families.flatMap(family => family.modelTypes)
    expect(new Set(types).size).toBe(types.length)
    for (const type of types) expect(familyOf(type).modelTypes).toContain(type)
  })

  test('an unknown family names the nearest', () => {
    expect(() => familyOf('lama')).toThrow(/"lama" is no known family; the nearest name is "llama"/)
    expect(() => familyOf('qwen4')).toThrow(/nearest name is "qwen2"/)
    expect(() => familyOf(undefined)).toThrow(/expected "model_type", one of llama,/)
    expect(() => familyOf('x'.repeat(1e6))).toThrow(/no known family/)
  })
})

describe('config.json', () => {
  test('the earlier style means the same as the current one', async () => {
    const earlier = {
      rope_parameters: null,
      rope_theta: 500000,
      rope_scaling: null,
      dtype: null,
      torch_dtype: 'float32',
    }
    await withFolder(llama, async ({ model }) => {
      const { raw: _, ...facts } = reconfigured(model, llama, earlier).config
      const { raw: __, ...expected } = model.config
      expect(facts).toEqual(expected)
    })
  })

  test('rotary parameters for each kind of layer', async () => {
    const current = {
      rope_theta: null,
      rope_local_base_freq: null,
      rope_scaling: null,
      sliding_window_pattern: null,
      layer_types: ['sliding_attention', 'sliding_attention', 'full_attention', 'sliding_attention'],
      rope_parameters: {
        full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 },
        sliding_attention: { rope_type: 'default', rope_theta: 1e4 },
      },
    }
    await withFolder('gemma3-linear-global', async ({ model }) => {
      const { rope, localRope, layers } = reconfigured(model, 'gemma3-linear-global', current).config
      expect({ rope, localRope, layers }).toEqual({
        rope: model.config.rope,
        localRope: model.config.localRope,
        layers: model.config.layers,
      })
    })
  })

  test.each([
    [{ num_key_value_heads: 3 }, /4 heads are not a multiple of 3 key-value heads/],
    [{ head_dim: null, num_attention_heads: 5, num_key_value_heads: 1 }, /hidden_size 32 is not a multiple of 5 heads/],
    [{ hidden_act: 'swiglu' }, /activation "swiglu" is not computed here; known: silu,/],
    [{ rope_parameters: { rope_type: 'spiral' } }, /rope scaling "spiral" is not known; known: default,/],
    [{ rope_parameters: { rope_type: 'linear' } }, /rope scaling "linear" needs "factor"/],
    [{ rope_parameters: { rope_type: 'longrope', short_factor: [1] } }, /"short_factor": expected 6 numbers, got 1/],
    [{ partial_rotary_factor: 0.25 }, /3 of 12 head dimensions rotate; expected an even number/],
    [{ vocab_size: 2 ** 40 }, /vocab_size/],
    [{ num_hidden_layers: -1 }, /num_hidden_layers/],
    [{ hidden_size: '32' }, /hidden_size/],
    [{ layer_types: ['full_attention'] }, /layer_types has 1 entries for 3 layers/],
    [{ eos_token_id: 'end' }, /eos_token_id/],
  ])('%j is refused', async (change, message) => {
    await expect(open(llama, change)).rejects.toThrow(message)
  })
})

describe('config and tensors disagree', () => {
  test.each([
    [
      { drop: 'model.layers.1.mlp.up_proj.weight' },
      /there is no tensor model\.layers\.1\.mlp\.up_proj\.weight \[44, 32\]/,
    ],
    [{ drop: 'model.norm.weight' }, /there is no tensor model\.norm\.weight \[32\]/],
    [{ drop: 'model.embed_tokens.weight' }, /there is no model\.embed_tokens\.weight or embed_tokens\.weight/],
    [
      { shapes: { 'model.layers.2.self_attn.k_proj.weight': [32, 12] } },
      /tensor model\.layers\.2\.self_attn\.k_proj\.weight: expected \[12, 32\], got \[32, 12\]/,
    ],
    [{ add: 'model.layers.0.self_attn.q_norm.weight' }, /nothing in a llama of 3 blocks reads .*q_norm/],
    [{ add: 'model.layers.3.mlp.up_proj.weight' }, /nothing in a llama of 3 blocks reads .*layers\.3/],
  ])('%j', async (change, message) => {
    await expect(openTampered(change)).rejects.toThrow(message)
    await expect(openTampered(change)).rejects.toThrow(/^config and tensors disagree: /)
  })

  test('an untied head that is not there', async () => {
    await expect(open(llama, { tie_word_embeddings: false })).rejects.toThrow(
      /tie_word_embeddings is false, but there is no lm_head/,
    )
  })

  test('biases that the configuration denies', async () => {
    await expect(open(llama, { attention_bias: false })).rejects.toThrow(
      /reads the tensor "model\.layers\.0\.self_attn\.[kqvo]_proj\.bias"/,
    )
  })
})

describe('tensors', () => {
  test('nothing is read on opening', () =>
    withFolder(llama, async ({ model }) => {
      const refuse = () => Promise.reject(new Error('read'))
      const source = { ...model.source, read: refuse, readRows: refuse }
      createModel({ config: readJson(`${folderPath(llama)}/config.json`), source, path: '' })
    }))

  test.each(folders)('%s: the stored form of what is read is what is stored', name =>
    withFolder(name, async ({ model }) => {
      for (let block = 0; block < model.blocks; block++) {
        const tensors = await model.readBlock(block)
        expect([...tensors.keys()]).toEqual(model.blockGraph(block).parameters)
        for (const [canonical, stored] of model.blockTensors(block)) {
          const raw: Tensor = await model.source.read(stored)
          const back = model.storedForm(canonical, tensors.get(canonical)!)
          expect(back.shape).toEqual(raw.shape)
          if (raw.dtype === 'f32') expect(bytesOf(back)).toEqual(bytesOf(raw))
        }
      }
    }),
  )

  test('ids and positions outside the tables', async () => {
    const ids = (...values: number[]): Tensor => ({
      dtype: 'i32',
      shape: [1, values.length],
      data: Int32Array.from(values),
    })
    await withFolder('gpt2-hub-names', async ({ model }) => {
      await expect(model.embed(ids(1, 96))).rejects.toThrow(/token id 96 is outside the vocabulary 0 … 95/)
      await expect(model.embed(ids(-1))).rejects.toThrow(/token id -1 is outside/)
      await expect(model.embed(ids(1, 2), 47)).rejects.toThrow(/positions 47 … 48: the model has learned only 48/)
      await expect(model.embed({ ...ids(1), shape: [1] })).rejects.toThrow(
        /expected i32 \[batch, tokens\], got i32 \[1\]/,
      )
    })
  })
})
