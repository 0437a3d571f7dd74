import type { TrainMethod } from '@sinter/model'
import { randomModel, testTrainMethod } from '@sinter/model/testing'
import { expect, test } from 'vitest'
import { lsq, peqa, qat, regularised } from '../src/index.ts'

// What is rounded has no slope that differences could find; test/fake-quant-graph.test.ts holds its gradients to recorded ones.
testTrainMethod(qat, [
  { name: '4 bits, a row each', options: { bits: 4 }, straightThrough: /\.weight$/ },
  {
    name: '3 bits in groups, activations and keys too',
    options: { bits: 3, groupSize: 8, activationBits: 8, kvBits: 8 },
    straightThrough: /\.weight$/,
    mergeDiffers: 'what enters layers was rounded, and a checkpoint cannot say so',
  },
])

testTrainMethod(lsq, [
  { name: '4 bits, a row each', options: { bits: 4 }, straightThrough: /\.weight(_scale)?$/ },
  {
    name: '3 bits in groups, some layers',
    options: { bits: 3, groupSize: 8, targets: ['mlp.up_proj', 'v_proj'] },
    straightThrough: /\.weight(_scale)?$/,
  },
])

testTrainMethod(peqa, [
  { name: '4 bits, a row each', options: {}, learningRate: 0.002 },
  { name: '3 bits in groups', options: { bits: 3, groupSize: 8 }, learningRate: 0.002 },
])

testTrainMethod(
  regularised,
  (['sine', 'grid', 'kurtosis'] as const).map(penalty => ({
    name: penalty,
    options: { penalty, strength: penalty === 'grid' ? 1 : 1e-3, rise: 0 },
    straightThrough: /\.weight$/,
  })),
)

test.each([qat, lsq, peqa] as TrainMethod[])('$name refuses matrices that are stored as [in, out]', async method => {
  const model = randomModel({ model_type: 'gpt2', vocab_size: 40, n_embd: 16, n_layer: 1, n_head: 4, n_positions: 32 })
  const made = method.setUp(model, method.options.parse({}), { seed: 0 })
  await expect(made).rejects.toThrow('h.0.attn.c_attn.weight: training with rounding does not know matrices stored as')
})
