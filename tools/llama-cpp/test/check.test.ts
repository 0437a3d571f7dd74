import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '@sinter/model'
import { createRng, f32ToBf16 } from '@sinter/tensor-core'
import { afterAll, expect, test } from 'vitest'
import { check } from '../src/check.ts'

const demo = join(import.meta.dirname, '../../../apps/cli/assets/demo-model')
const folder = mkdtempSync(join(tmpdir(), 'sinter-llama-cpp-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const text = join(folder, 'text.txt')
writeFileSync(text, 'Once there was a baker named Tom. He lived near the river and had 3 loaves of bread. '.repeat(400))

/** The demo model as a Qwen2: the same weights, with random biases on q, k and v. */
function qwen2(): string {
  const path = join(folder, 'qwen2')
  mkdirSync(path)
  cpSync(demo, path, { recursive: true })
  const config = JSON.parse(readFileSync(join(demo, 'config.json'), 'utf8')) as Record<string, unknown>
  writeFileSync(
    join(path, 'config.json'),
    JSON.stringify({ ...config, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] }),
  )
  const tensors = new Map(decodeSafetensors(readFileSync(join(demo, 'model.safetensors')), 'demo').tensors)
  const rng = createRng(7)
  for (const [name, tensor] of [...tensors])
    if (/[qkv]_proj\.weight$/.test(name)) {
      const bias = Float32Array.from({ length: tensor.shape[0]! }, () => 0.3 * rng.normal())
      tensors.set(name.replace('weight', 'bias'), { dtype: 'bf16', shape: [bias.length], data: f32ToBf16(bias) })
    }
  writeFileSync(join(path, 'model.safetensors'), encodeSafetensors(tensors))
  return path
}

test.each([
  ['llama', 'Q4_0', () => demo],
  ['llama', 'Q4_1', () => demo],
  ['qwen2', 'Q4_0', qwen2],
] as const)(
  '%s in %s: our codes, and llama.cpp computes what we compute',
  async (family, type, make) => {
    const place = join(folder, `${family}-${type}`)
    mkdirSync(place)
    const result = await check({ model: make(), text, folder: place, type, tokens: 64, greedy: 32 })
    expect(result.exact).toBe(result.matrices)
    expect(result.dense).toBeLessThan(2e-3)
    expect(result.greedy).toBe(32)
    // llama.cpp rounds activations to 8 bits when it multiplies with 4-bit blocks: near, not equal.
    expect(result.compressed).toBeLessThan(0.15 * result.spread)
  },
  180_000,
)
