import { createLearner, crossEntropy, everyToken, type Objective } from '@sinter/model'
import { randomModel } from '@sinter/model/testing'
import { createRng, referenceBackend, type TensorF32, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'

// More tokens than a slice has at least, so that there are several; softcap and divisor change logits after the product.
const config = {
  vocab_size: 1300,
  hidden_size: 16,
  intermediate_size: 24,
  num_attention_heads: 2,
  num_hidden_layers: 1,
}
const shapes = {
  llama: { model_type: 'llama', ...config, tie_word_embeddings: false },
  'gemma2, capped logits and a tied head': {
    model_type: 'gemma2',
    ...config,
    head_dim: 8,
    num_key_value_heads: 1,
    query_pre_attn_scalar: 8,
    final_logit_softcapping: 2,
    sliding_window: 4,
  },
}

async function gradientsWith(config: Record<string, unknown>, objective: Objective) {
  const model = randomModel(config)
  const parameters = new Map<string, TensorF32>()
  for (const name of model.source.names()) {
    const { shape, data } = toF32(await model.source.read(name))
    parameters.set(name, { dtype: 'f32', shape, data: data.slice() })
  }
  const rng = createRng('ids')
  const ids = Int32Array.from({ length: 18 }, () => rng.integer(1300))
  const learner = createLearner(model, { backend: referenceBackend(), objective, parameters })
  return learner.gradients([everyToken({ dtype: 'i32', shape: [2, 9], data: ids })])
}

describe('slices of the vocabulary give what slices of rows give', () => {
  test.each(Object.entries(shapes))('%s', async (_, shape) => {
    const { sliced: _sliced, ...byRows } = crossEntropy
    const [a, b] = [await gradientsWith(shape, crossEntropy), await gradientsWith(shape, { ...byRows, key: 'rows' })]
    expect(a.terms.loss).toBeCloseTo(b.terms.loss!, 5)
    expect([...a.gradients.keys()].toSorted()).toEqual([...b.gradients.keys()].toSorted())
    for (const [name, values] of a.gradients) {
      const other = b.gradients.get(name)!
      const largest = other.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      const worst = other.reduce((most, v, i) => Math.max(most, Math.abs(v - values[i]!)), 0)
      expect(worst, name).toBeLessThan(1e-5 * largest)
    }
  })
})
