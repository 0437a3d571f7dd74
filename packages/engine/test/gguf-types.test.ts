import { expect, test } from 'vitest'
import { gguf } from '../src/formats/gguf.ts'

const layers = 16
const configFile = {
  model_type: 'llama',
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: layers,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  vocab_size: 64,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
}
const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [64, 256]]])
for (let i = 0; i < layers; i++) {
  for (const part of ['q', 'k', 'v', 'o']) shapes.set(`model.layers.${i}.self_attn.${part}_proj.weight`, [256, 256])
  for (const part of ['gate', 'up']) shapes.set(`model.layers.${i}.mlp.${part}_proj.weight`, [512, 256])
  shapes.set(`model.layers.${i}.mlp.down_proj.weight`, [256, 512])
}
const source = {
  names: () => [...shapes.keys()],
  info: (name: string) => ({ dtype: 'f32' as const, encoding: 'F32', shape: shapes.get(name)!, bytes: 0 }),
}
const blocksOf = (type: string, weighed: boolean, encoding: string): string[] =>
  [...gguf.typesOf!(type, { configFile, source }, weighed)!].flatMap(([name, chosen]) =>
    chosen === encoding ? [name.replace(/^model\.layers\.|\.weight$/g, '')] : [],
  )

test('a matrix chosen by text gets what llama.cpp gives one with an importance matrix', () => {
  // llama-quant.cpp: the first eighth of the down projections, by whether there is an importance matrix.
  expect(blocksOf('Q4_0', false, 'Q4_1')).toEqual([])
  expect(blocksOf('Q4_0', true, 'Q4_1')).toEqual(['0.mlp.down_proj', '1.mlp.down_proj'])
  expect(blocksOf('IQ4_NL', false, 'Q5_K')).toEqual(['0.mlp.down_proj', '1.mlp.down_proj'])
  expect(blocksOf('IQ4_NL', true, 'Q5_K')).toEqual([])
})
