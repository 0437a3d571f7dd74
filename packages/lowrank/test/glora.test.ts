import { randomModel } from '@sinter/model/testing'
import { f32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { glora, mergeLora } from '../src/index.ts'

const LAYER = 'transformer.h.0.mlp.c_fc'
const gpt2 = () =>
  randomModel({ model_type: 'gpt2', vocab_size: 40, n_embd: 2, n_inner: 3, n_layer: 1, n_head: 1, n_positions: 8 })

const start = (options: object, model = gpt2()) => glora.setUp(model, glora.options.parse(options), { seed: 1 })

const weight = f32([3, 2], [1, 2, 3, 4, 5, 6])
const bias = f32([3], [10, 20, 30])

test('W + W ⊙ A + B and b + b ⊙ D + E + W C, by hand', async () => {
  const forms = { a: 'vector', b: 'scalar', c: 'vector', d: 'scalar', e: 'vector' }
  const { parameters, merge, mergeBias } = await start({ ...forms, targets: ['c_fc'] })
  const set = (key: string, values: readonly number[]) => parameters.get(`${LAYER}.glora_${key}`)!.data.set(values)
  set('a', [1, 0, -1])
  set('b', [0.5])
  set('c', [2, -1])
  set('d', [0.1])
  set('e', [1, 2, 3])
  expect(merge!(LAYER, weight)).toEqual(f32([3, 2], [2.5, 4.5, 3.5, 4.5, 0.5, 0.5]))
  // W C = 0, 2, 4.
  expect([...mergeBias!(LAYER, weight, bias)!.data]).toEqual([12, 26, 40].map(Math.fround))
  expect(merge!('transformer.h.0.mlp.c_proj', weight)).toBeUndefined()
  expect(mergeBias!('transformer.h.0.mlp.c_proj', weight, bias)).toBeUndefined()
})

test('low-rank A multiplies element by element; B alone is LoRA', async () => {
  const both = await start({ rank: 1, targets: ['c_fc'] })
  const set = (key: string, values: readonly number[]) => both.parameters.get(`${LAYER}.glora_${key}`)!.data.set(values)
  set('a_left', [1, 2, 3])
  set('a_right', [10, 100])
  set('b_left', [0, 0, 0])
  expect(both.merge!(LAYER, weight)).toEqual(f32([3, 2], [11, 202, 63, 804, 155, 1806]))
  const alone = await start({ rank: 2, a: 'none', targets: ['c_fc'] })
  const [left, right] = ['left', 'right'].map(part => alone.parameters.get(`${LAYER}.glora_b_${part}`)!)
  right!.data.set([0.25, -1, 2, 0.5])
  expect(alone.merge!(LAYER, weight)).toEqual(mergeLora(weight, { a: right!, b: left!, scale: 1 }))
})

test('every form starts as nothing, to the bit', async () => {
  for (const options of [
    { rank: 2 },
    { a: 'vector', b: 'scalar', c: 'low-rank', d: 'vector', e: 'scalar' },
    { a: 'scalar', b: 'vector', c: 'vector', d: 'scalar', e: 'vector' },
  ]) {
    const { merge, mergeBias } = await start(options)
    expect(merge!(LAYER, weight)).toEqual(weight)
    expect(mergeBias!(LAYER, weight, bias)).toEqual(bias)
  }
})

test('a bias that has no place, and nothing to train, are refused', async () => {
  await expect(start({ e: 'vector' }, randomModel())).rejects.toThrow(
    'glora: c, d and e change the bias, but self_attn.q_proj, self_attn.k_proj, self_attn.v_proj, self_attn.o_proj, ' +
      'mlp.gate_proj, mlp.up_proj, mlp.down_proj have none; leave them none, or choose targets that have one',
  )
  await expect(start({ a: 'none', b: 'none' })).rejects.toThrow('glora: a, b, c, d and e are all none')
})
