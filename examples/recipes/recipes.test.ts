import { expect, test } from 'vitest'
import { plans } from './plan-all.ts'

const bits = (recipe: string, tensor: string): number | undefined =>
  plans.get(recipe)?.rows.find(row => row.tensor === `model.layers.${tensor}.weight`)?.bitsPerWeight

test('every recipe of the folder fits the model', () => {
  expect([...plans.keys()].sort()).toEqual([
    'four-bits.yaml',
    'llama-cpp.yaml',
    'mixed-precision.yaml',
    'sparse-and-quantized.jsonc',
  ])
})

test('bits a weight are those that the recipes ask for', () => {
  expect(bits('four-bits.yaml', '0.mlp.up_proj')).toBeCloseTo(4 + (16 + 4) / 64)
  expect(bits('llama-cpp.yaml', '0.mlp.up_proj')).toBeCloseTo(4 + 16 / 32)
})

test('rules by block and name give each matrix its own bits', () => {
  expect(bits('mixed-precision.yaml', '0.mlp.up_proj')).toBeCloseTo(8.25)
  expect(bits('mixed-precision.yaml', '1.mlp.up_proj')).toBeCloseTo(3.25)
  expect(bits('mixed-precision.yaml', '1.mlp.down_proj')).toBe(16)
})
