/** Which rotary scalings can be written for which family; that those compute the same is shown in tools/llama-cpp. */
import { describe, expect, it } from 'vitest'
import { planGguf } from '../src/formats/gguf-plan.ts'
import { numberOf, stringOf } from '../src/formats/gguf-value.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'

const plan = (model_type: string, rope: object, over: object = {}) => {
  const { config, source } = randomCheckpoint({ ...tinyLlama, head_dim: 4, model_type, ...over, rope_scaling: rope })
  return planGguf(config, source)
}
const llama3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 32,
}
const longrope = { rope_type: 'longrope', short_factor: [1, 2], long_factor: [2, 3] }
const yarn = { rope_type: 'yarn', factor: 4 }

describe('a rotary scaling', () => {
  it.each<[string, string, object, string]>([
    ['qwen3', 'llama3', llama3, `llama.cpp's qwen3 has no rope scaling "llama3". Use --format hf`],
    ['smollm3', 'longrope', longrope, `llama.cpp's smollm3 has no rope scaling "longrope". Use --format hf`],
    ['gemma3_text', 'yarn', yarn, "llama.cpp's gemma3 stretches windowed layers by yarn too"],
    ['llama', 'yarn whose ramp is not rounded', { ...yarn, truncate: false }, 'it has no "truncate": false'],
  ])('that llama.cpp lacks is refused: %s, %s', (family, _, rope, message) => {
    const scalar = family.startsWith('gemma') ? { query_pre_attn_scalar: 4, hidden_act: 'gelu_pytorch_tanh' } : {}
    expect(() => plan(family, rope, scalar)).toThrow(message)
  })

  it('has the keys that llama.cpp reads', () => {
    const key = (rope: object, name: string) => plan('llama', rope).metadata.get(`llama.rope.scaling.${name}`)
    expect(stringOf(key({ ...longrope, factor: 3 }, 'type'))).toBe('longrope')
    expect(numberOf(key({ ...longrope, factor: 3 }, 'attn_factor'))).toBeCloseTo(
      Math.sqrt(1 + Math.log(3) / Math.log(64)),
      6,
    )
    // By how much the longest text is longer than the trained ones, where the config does not say.
    const unsaid = { rope_type: 'yarn', original_max_position_embeddings: 16 }
    expect(numberOf(key(unsaid, 'factor'))).toBe(4)
    expect(key(unsaid, 'attn_factor')).toBeUndefined()
    const own = { ...unsaid, attention_factor: 1 }
    expect(numberOf(key(own, 'attn_factor'))).toBeCloseTo(1 / (0.1 * Math.log(4) + 1), 6)
  })

  it('is a table of divisors where it has no key', () => {
    const { extra } = plan('llama', llama3)
    expect([...extra.keys()]).toEqual(['rope_freqs.weight'])
    // One turn in 32 positions or less is divided, four or more are kept.
    expect([...extra.get('rope_freqs.weight')!.data]).toEqual([1, 8])
    expect([...plan('llama', longrope).extra.keys()]).toEqual(['rope_factors_long.weight', 'rope_factors_short.weight'])
  })

  it('that changes with the length of the text is noted', () => {
    expect(plan('llama', { rope_type: 'dynamic', factor: 2 }).notes).toEqual([
      'llama.cpp has no dynamic rope scaling: texts longer than max_position_embeddings will differ',
    ])
  })
})
