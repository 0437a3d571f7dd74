import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '@sinter/model'
import { createRng, f32ToBf16, type Tensor } from '@sinter/tensor-core'
import { afterAll, expect, test } from 'vitest'
import { check } from '../src/check.ts'

const demo = join(import.meta.dirname, '../../../apps/cli/assets/demo-model')
const folder = mkdtempSync(join(tmpdir(), 'sinter-llama-cpp-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const text = join(folder, 'text.txt')
writeFileSync(text, 'Once there was a baker named Tom. He lived near the river and had 3 loaves of bread. '.repeat(400))

type Tensors = Map<string, Tensor>

/** The demo model as another family: its config and its tensors changed. */
function demoAs(family: string, config: Record<string, unknown>, change: (tensors: Tensors) => void): string {
  const path = mkdtempSync(join(folder, family))
  cpSync(demo, path, { recursive: true })
  const original = JSON.parse(readFileSync(join(demo, 'config.json'), 'utf8')) as Record<string, unknown>
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...original, ...config }))
  const tensors: Tensors = new Map(decodeSafetensors(readFileSync(join(demo, 'model.safetensors')), 'demo').tensors)
  change(tensors)
  writeFileSync(join(path, 'model.safetensors'), encodeSafetensors(tensors))
  return path
}

const bf16 = (values: Float32Array): Tensor => ({ dtype: 'bf16', shape: [values.length], data: f32ToBf16(values) })

/** The same weights, with random biases on q, k and v. */
const qwen2 = () =>
  demoAs('qwen2', { model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] }, tensors => {
    const rng = createRng(7)
    for (const [name, { shape }] of [...tensors])
      if (/[qkv]_proj\.weight$/.test(name))
        tensors.set(
          name.replace('weight', 'bias'),
          bf16(Float32Array.from({ length: shape[0]! }, () => 0.3 * rng.normal())),
        )
  })

/** The same matrices between Gemma's norms, which multiply by 1 + weight; windows shorter than the text in two of three blocks. */
const gemma3 = () =>
  demoAs(
    'gemma3',
    {
      model_type: 'gemma3_text',
      architectures: ['Gemma3ForCausalLM'],
      hidden_activation: 'gelu_pytorch_tanh',
      query_pre_attn_scalar: 64,
      rope_local_base_freq: 10000,
      rope_theta: 1000000,
      rope_parameters: undefined,
      sliding_window: 48,
      sliding_window_pattern: 3,
    },
    tensors => {
      const rng = createRng(8)
      const norm = (width: number) => bf16(Float32Array.from({ length: width }, () => 0.1 * rng.normal()))
      for (const name of [...tensors.keys()].filter(key => key.endsWith('norm.weight')))
        tensors.set(name, norm(tensors.get(name)!.shape[0]!))
      for (let block = 0; block < 4; block++) {
        const layer = `model.layers.${block}`
        for (const name of ['pre_feedforward_layernorm', 'post_feedforward_layernorm'])
          tensors.set(`${layer}.${name}.weight`, norm(256))
        for (const name of ['q_norm', 'k_norm']) tensors.set(`${layer}.self_attn.${name}.weight`, norm(64))
      }
    },
  )

// Gemma's GELU is where llama.cpp is less exact: it looks it up in a table of 16-bit numbers.
test.each([
  ['llama', 'Q4_0', () => demo, 2e-3],
  ['llama', 'Q4_1', () => demo, 2e-3],
  ['qwen2', 'Q4_0', qwen2, 2e-3],
  ['gemma3', 'Q4_0', gemma3, 6e-3],
  ['gemma3', 'Q4_1', gemma3, 6e-3],
] as const)(
  '%s in %s: our codes, and llama.cpp computes what we compute',
  async (family, type, make, tolerance) => {
    const place = join(folder, `${family}-${type}`)
    mkdirSync(place)
    const result = await check({ model: make(), text, folder: place, type, tokens: 200, greedy: 64 })
    expect(result.exact).toBe(result.matrices)
    expect(result.dense).toBeLessThan(tolerance)
    expect(result.greedy).toBe(64)
    // llama.cpp rounds activations to 8 bits when it multiplies with 4-bit blocks: near, not equal.
    expect(result.compressed).toBeLessThan(0.15 * result.spread)
  },
  180_000,
)
