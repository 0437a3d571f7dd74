import { randomModel, testTrainMethod } from '@sinter/model/testing'
import { adalora, dylora, glora, lora } from '../src/index.ts'

testTrainMethod(lora, [
  { name: 'every linear', options: { rank: 3, alpha: 6 } },
  { name: 'some targets', options: { rank: 2, alpha: 8, targets: ['v_proj', 'mlp.down_proj'] } },
])

testTrainMethod(dylora, [
  { name: 'every rank', options: { rank: 4, alpha: 6 } },
  {
    name: 'the last component only, cut',
    options: { rank: 4, minRank: 2, keep: 3, moves: 'last', alpha: 6 },
    steps: 24,
  },
])

testTrainMethod(adalora, [
  { name: 'defaults, smaller', options: { initialRank: 4, rank: 2, alpha: 8 }, steps: 24 },
  { name: 'no phases', options: { initialRank: 3, rank: 1, warmup: 0, final: 0, every: 3, alpha: 6 }, steps: 24 },
])

/** GPT-2: a bias on every layer, and matrices stored as [in, out]. */
const tinyGpt2 = () =>
  randomModel({ model_type: 'gpt2', vocab_size: 40, n_embd: 16, n_inner: 24, n_layer: 2, n_head: 4, n_positions: 32 })

testTrainMethod(glora, [
  { name: 'low-rank', options: { rank: 2 } },
  { name: 'one number a row, one number', options: { a: 'vector', b: 'scalar' }, learningRate: 0.05 },
  {
    name: 'weights and biases',
    options: { rank: 2, a: 'scalar', b: 'low-rank', c: 'low-rank', d: 'vector', e: 'vector' },
    model: tinyGpt2,
  },
  {
    name: 'biases alone',
    options: { a: 'none', b: 'none', c: 'vector', d: 'scalar', e: 'scalar' },
    model: tinyGpt2,
    learningRate: 0.05,
  },
])
