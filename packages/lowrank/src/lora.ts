import type { LinearRewrite } from '@sinter/model'
import { add, constant, linear, mul, type Node, type Rng, type TensorF32 } from '@sinter/tensor-core'

export interface LoraOptions {
  readonly rank: number
  /** The adapter's output is multiplied by alpha / rank. */
  readonly alpha: number
  /** Which linear layers get an adapter, by name inside the block (`self_attn.q_proj`). */
  targets(name: string): boolean
}

export const loraA = (layer: string): string => `${layer}.lora_A.weight`
export const loraB = (layer: string): string => `${layer}.lora_B.weight`

/** y = x Wᵀ + b + (alpha/rank) · x Aᵀ Bᵀ with A `[rank, in]`, B `[out, rank]` (LoRA, 2106.09685 §4.1). */
export function loraRewrite({ rank, alpha, targets }: LoraOptions): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    const plain = linear(x, weight, bias)
    if (!targets(name)) return plain
    const [out, width] = weight.shape as readonly [number, number]
    const down = linear(x, t.parameter(loraA(name), [rank, width]))
    const up = linear(down, t.parameter(loraB(name), [out, rank]))
    return add(plain, scaled(up, alpha / rank))
  }
}

const scaled = (x: Node, by: number): Node => (by === 1 ? x : mul(x, constant(by)))

/** A as a Kaiming uniform draw with slope √5, which is ±1/√in, and B zero: the adapter starts as nothing. */
export function initialLora(
  shape: readonly [out: number, width: number],
  rank: number,
  rng: Rng,
): { readonly a: TensorF32; readonly b: TensorF32 } {
  const [out, width] = shape
  const bound = 1 / Math.sqrt(width)
  const a = Float32Array.from({ length: rank * width }, () => (2 * rng.uniform() - 1) * bound)
  return {
    a: { dtype: 'f32', shape: [rank, width], data: a },
    b: { dtype: 'f32', shape: [out, rank], data: new Float32Array(out * rank) },
  }
}

/** W + (alpha/rank) · B A: what the layer computes, as one matrix; `sign` −1 takes it out again. f32 `[out, in]` */
export function mergeLora(
  weight: TensorF32,
  { a, b }: { readonly a: TensorF32; readonly b: TensorF32 },
  { alpha, sign = 1 }: { readonly alpha: number; readonly sign?: 1 | -1 },
): TensorF32 {
  const [out, width] = weight.shape as readonly [number, number]
  const rank = a.shape[0]!
  const factor = (sign * alpha) / rank
  const data = new Float32Array(weight.data.length)
  const row = new Float64Array(width)
  for (let o = 0; o < out; o++) {
    row.fill(0)
    for (let r = 0; r < rank; r++) {
      const by = factor * b.data[o * rank + r]!
      for (let i = 0; i < width; i++) row[i]! += by * a.data[r * width + i]!
    }
    for (let i = 0; i < width; i++) data[o * width + i] = weight.data[o * width + i]! + row[i]!
  }
  return { dtype: 'f32', shape: weight.shape, data }
}
