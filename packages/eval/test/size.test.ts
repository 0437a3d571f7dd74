import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Model, openModel } from '@sinter/model'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blockBits } from '../src/block-bits.ts'
import { measureSize } from '../src/index.ts'

const folder = fileURLToPath(new URL('./fixtures/llama-gqa', import.meta.url))
let model: Model
beforeAll(async () => {
  model = await openModel(folder)
})
afterAll(() => model.close())

// hidden 48, 6 query and 2 key-value heads of 8, ff 44, vocabulary 96, 3 blocks, two norms a block, one at the end, untied
const block = 48 * 48 + 2 * 16 * 48 + 48 * 48 + 3 * 44 * 48 + 2 * 48
const total = 3 * block + 2 * 96 * 48 + 48

describe('size', () => {
  test('parameters by the shapes of the architecture, bytes by the type', async () => {
    const size = await measureSize(model, { countZeros: true })
    expect(size.parameters).toMatchObject({ total, nonEmbedding: 3 * block + 48 })
    expect(size.bytes).toEqual({
      values: 0,
      scales: 0,
      zeroPoints: 0,
      indices: 0,
      untouched: 4 * total,
      total: 4 * total,
    })
    expect(size.bitsPerWeight).toEqual({ compressed: null, model: 32 })
    expect(size.parameters.nonZero).toBe(nonZeroBytes())
  })

  test('a tied copy of the embedding counts once, a mask buffer not at all', async () => {
    const tied = { ...model, config: { ...model.config, tied: true } }
    expect((await measureSize(tied)).parameters).toEqual({ total: total - 96 * 48, nonEmbedding: 3 * block + 48 })
    const names = () => [...model.source.names(), 'model.layers.0.self_attn.rotary_emb.inv_freq']
    expect((await measureSize({ ...model, source: { ...model.source, names } })).parameters.total).toBe(total)
  })

  test('files by kind add up', async () => {
    const { disk } = await measureSize(model)
    expect(disk.weights).toBe(statSync(join(folder, 'model.safetensors')).size)
    expect(disk.tokenizer).toBe(0)
    expect(disk.total).toBe(disk.weights + disk.other)
    const file = await openModel(join(folder, 'model.safetensors'))
    expect((await measureSize(file)).disk).toEqual({
      weights: 4 * total,
      tokenizer: 0,
      other: disk.weights - 4 * total,
      total: disk.weights,
    })
    await file.close()
  })

  test('compressed matrices count as their representation does, against the original as shipped and in 16 bits', async () => {
    const name = 'model.layers.1.mlp.down_proj.weight'
    const n = 48 * 44
    const bits = () => ({ values: 4 * n, scales: 16 * 48, zeroPoints: 0, indices: 0 })
    const size = await measureSize(model, { weights: new Map([[name, { bits }]]), original: model })
    expect(size.bytes).toMatchObject({ values: n / 2, scales: 96, untouched: 4 * (total - n) })
    expect(size.bitsPerWeight.compressed).toBeCloseTo(4 + (16 * 48) / n, 12)
    expect(size.ratio!.shipped).toBeCloseTo((4 * total) / size.bytes.total, 12)
    expect(size.ratio!.f16).toBeCloseTo((2 * total) / size.bytes.total, 12)
  })

  test('block encodings by their published layout', () => {
    // 64 values: two blocks of 18, 20 and 34 bytes, a quarter of a block of 144
    expect(blockBits('Q4_0', 36, 64)).toEqual({ values: 256, scales: 32, zeroPoints: 0, indices: 0 })
    expect(blockBits('Q4_1', 40, 64)).toEqual({ values: 256, scales: 32, zeroPoints: 32, indices: 0 })
    expect(blockBits('Q8_0', 68, 64)).toEqual({ values: 512, scales: 32, zeroPoints: 0, indices: 0 })
    expect(blockBits('Q4_K', 36, 64)).toEqual({ values: 256, scales: 32, zeroPoints: 0, indices: 0 })
    expect(blockBits('SOMETHING', 36, 64)).toEqual({ values: 288, scales: 0, zeroPoints: 0, indices: 0 })
  })
})

/** Straight from the file: all its tensors are f32. */
function nonZeroBytes(): number {
  const file = readFileSync(join(folder, 'model.safetensors'))
  const data = file.subarray(8 + Number(file.readBigUInt64LE(0)))
  let count = 0
  for (let at = 0; at < data.length; at += 4) if (data.readFloatLE(at) !== 0) count++
  return count
}
