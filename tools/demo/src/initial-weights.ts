import { createRng, sizeOf, type TensorF32 } from '@sinter/tensor-core'
import type { LlamaShape } from './demo-config.ts'

/** Standard deviation of a fresh matrix. */
const SPREAD = 0.02

/**
 * A LLaMA before its first step, by stored name: norms are 1, matrices normal. What adds to the residual stream (`o_proj`,
 * `down_proj`) starts smaller by √(2 · blocks), for so many add up (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners" §2.3).
 * Every tensor has a generator of its own, so that none depends on the order they are made in.
 */
export function initialWeights(shape: LlamaShape, seed: string | number): Map<string, TensorF32> {
  const rng = createRng(seed)
  const residual = SPREAD / Math.sqrt(2 * shape.blocks)
  const weights = new Map<string, TensorF32>()
  for (const [name, size] of llamaShapes(shape)) {
    const data = new Float32Array(sizeOf(size))
    const draw = rng.split(name)
    const spread = /(o_proj|down_proj)\.weight$/.test(name) ? residual : SPREAD
    for (let i = 0; i < data.length; i++) data[i] = size.length === 1 ? 1 : spread * draw.normal()
    weights.set(name, { dtype: 'f32', shape: size, data })
  }
  return weights
}

/** Stored name → shape, matrices `[out, in]`; the head is the embedding. */
export function llamaShapes(shape: LlamaShape): ReadonlyMap<string, readonly number[]> {
  const { vocabulary, hidden, intermediate, blocks, heads, keyValueHeads, headSize } = shape
  const entries: [string, readonly number[]][] = [['model.embed_tokens.weight', [vocabulary, hidden]]]
  for (let block = 0; block < blocks; block++) {
    const own: Readonly<Record<string, readonly number[]>> = {
      input_layernorm: [hidden],
      'mlp.down_proj': [hidden, intermediate],
      'mlp.gate_proj': [intermediate, hidden],
      'mlp.up_proj': [intermediate, hidden],
      post_attention_layernorm: [hidden],
      'self_attn.k_proj': [keyValueHeads * headSize, hidden],
      'self_attn.o_proj': [hidden, heads * headSize],
      'self_attn.q_proj': [heads * headSize, hidden],
      'self_attn.v_proj': [keyValueHeads * headSize, hidden],
    }
    for (const [name, size] of Object.entries(own)) entries.push([`model.layers.${block}.${name}.weight`, size])
  }
  return new Map([...entries, ['model.norm.weight', [hidden]]])
}
