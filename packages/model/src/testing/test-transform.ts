import { createRng, defaultCompute, type TensorF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import type { TransformMethod } from '../method.ts'
import { type TinyBlock, type TinyBlockSpec, tinyBlock } from './tiny-block.ts'

export interface TransformCase {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
}

/** What blocks differ in that folds go wrong on. */
const blocks: Readonly<Record<string, BlockShape>> = {
  'as many kv heads as heads': { heads: 4, kvHeads: 4 },
  'grouped-query attention': { heads: 4, kvHeads: 2 },
  'norms stored with offset 1': { heads: 4, kvHeads: 1, normOffset: 1 },
  'biases on q, k and v': { heads: 4, kvHeads: 2, biases: true },
}

interface BlockShape {
  readonly heads: number
  readonly kvHeads: number
  readonly normOffset?: 0 | 1
  readonly biases?: boolean
}

/**
 * The suite that every transform passes: before anything is rounded the block computes what it did, within 1e-3 of the
 * output's largest number; it does change something; it is deterministic.
 */
export function testTransform<Options>(method: TransformMethod<Options>, cases: readonly TransformCase[]): void {
  describe(`transform ${method.name}`, () => {
    for (const { name, options } of cases)
      for (const [title, shape] of Object.entries(blocks))
        test(`${name}, ${title}: the function stays, the same each time`, async () => {
          const [first, second] = [randomBlock(shape), randomBlock(shape)]
          const before = first.output()
          await apply(method, first, options)
          await apply(method, second, options)
          expect(worst(first.output(), before)).toBeLessThan(1e-3)
          expect(changed(first, randomBlock(shape))).toBeGreaterThan(0)
          expect(changed(first, second)).toBe(0)
        })
  })
}

async function apply<Options>(method: TransformMethod<Options>, block: TinyBlock, options: unknown): Promise<void> {
  const context = { compute: defaultCompute(), name: 'block 0', note: () => {} }
  await method.transform(block, method.options.parse(options), context)
}

/** Largest difference over the largest number. */
function worst(a: Float64Array, b: Float64Array): number {
  let most = 0
  let scale = 0
  for (let k = 0; k < a.length; k++) {
    most = Math.max(most, Math.abs(a[k]! - b[k]!))
    scale = Math.max(scale, Math.abs(b[k]!))
  }
  return most / scale
}

const stored = ['self_attn.q_proj', 'self_attn.o_proj', 'mlp.up_proj', 'mlp.down_proj', 'input_layernorm']

/** Number of values that differ. */
function changed(a: TinyBlock, b: TinyBlock): number {
  return stored
    .map(name => [a.tensor(`${name}.weight`).data, b.tensor(`${name}.weight`).data] as const)
    .reduce((sum, [x, y]) => sum + x.reduce((n, value, k) => n + (value === y[k] ? 0 : 1), 0), 0)
}

/** A seeded block, 32 wide, with a few loud channels in its input. */
export function randomBlock(shape: BlockShape): TinyBlock {
  const { heads, kvHeads, normOffset = 0, biases = false } = shape
  const rng = createRng('block')
  const hidden = 32
  const headDim = 8
  const wide = 48
  const random = (dims: readonly number[], scale: number, centre = 0): TensorF32 => ({
    dtype: 'f32',
    shape: dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => centre + scale * rng.normal()),
  })
  const [q, kv] = [heads * headDim, kvHeads * headDim]
  const tensors: TinyBlockSpec['tensors'] = {
    'input_layernorm.weight': random([hidden], 0.1, 1 - normOffset),
    'post_attention_layernorm.weight': random([hidden], 0.1, 1 - normOffset),
    'self_attn.q_proj.weight': random([q, hidden], 0.2),
    'self_attn.k_proj.weight': random([kv, hidden], 0.2),
    'self_attn.v_proj.weight': random([kv, hidden], 0.2),
    'self_attn.o_proj.weight': random([hidden, q], 0.2),
    'mlp.gate_proj.weight': random([wide, hidden], 0.2),
    'mlp.up_proj.weight': random([wide, hidden], 0.2),
    'mlp.down_proj.weight': random([hidden, wide], 0.2),
    ...(biases && {
      'self_attn.q_proj.bias': random([q], 0.3),
      'self_attn.k_proj.bias': random([kv], 0.3),
      'self_attn.v_proj.bias': random([kv], 0.3),
    }),
  }
  const x = Float64Array.from({ length: 24 * hidden }, (_, k) => rng.normal() * (k % 11 === 2 ? 8 : 1))
  return tinyBlock({ tensors, x, sequences: 2, heads, kvHeads, normOffset })
}
