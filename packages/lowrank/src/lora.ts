import type { LinearRewrite, LowRankFactors } from '@sinter/model'
import { add, constant, linear, matrix, mul, type Node, type Rng, type TensorF32 } from '@sinter/tensor-core'
import { closestProduct } from './make-up.ts'

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

/** Puts into A and B, whose products are as large, what comes closest to W − Ŵ. Directions that the error has not stay as they were. */
export async function makeUpFor(
  { a, b, scale }: LowRankFactors,
  weight: TensorF32,
  rounded: TensorF32,
  gram: Float64Array,
  rng: Rng,
): Promise<void> {
  const [out, width] = weight.shape as readonly [number, number]
  const rank = checkedRank(weight, a, b)
  const error = matrix(out, width)
  for (let i = 0; i < error.data.length; i++) error.data[i] = weight.data[i]! - rounded.data[i]!
  const { u, v } = await closestProduct(error, matrix(width, width, gram), rank, rng)
  for (let r = 0; r < u.cols; r++) {
    const row = v.data.subarray(r * width, (r + 1) * width)
    const size = Math.hypot(...row)
    if (size === 0) continue
    const half = Math.sqrt(size / scale)
    for (let o = 0; o < out; o++) b.data[o * rank + r] = u.data[o * u.cols + r]! * half
    for (let i = 0; i < width; i++) a.data[r * width + i] = row[i]! / (half * scale)
  }
}

/** W + scale · B A, each value rounded once: what the layer computes, as one matrix. f32 `[out, in]` */
export const mergeLora = (weight: TensorF32, factors: LowRankFactors): TensorF32 => added(weight, factors, 1)

/** W − scale · B A: takes a merged adapter out again, to the last bit or two of the merged values. f32 `[out, in]` */
export const unmergeLora = (weight: TensorF32, factors: LowRankFactors): TensorF32 => added(weight, factors, -1)

function added(weight: TensorF32, { a, b, scale }: LowRankFactors, sign: 1 | -1): TensorF32 {
  const [out, width] = weight.shape as readonly [number, number]
  const rank = checkedRank(weight, a, b)
  const data = new Float32Array(weight.data.length)
  const row = new Float64Array(width)
  for (let o = 0; o < out; o++) {
    row.fill(0)
    for (let r = 0; r < rank; r++) {
      const by = sign * scale * b.data[o * rank + r]!
      for (let i = 0; i < width; i++) row[i]! += by * a.data[r * width + i]!
    }
    for (let i = 0; i < width; i++) data[o * width + i] = weight.data[o * width + i]! + row[i]!
  }
  return { dtype: 'f32', shape: weight.shape, data }
}

/** @throws RangeError when the factors are not those of a matrix of this shape */
function checkedRank(weight: TensorF32, a: TensorF32, b: TensorF32): number {
  const [out, width] = weight.shape
  const [rank, aWidth] = a.shape
  if (aWidth !== width || b.shape[0] !== out || b.shape[1] !== rank)
    throw new RangeError(
      `adapter: A [${a.shape}] and B [${b.shape}] do not belong to a matrix [${weight.shape}]; expected A [rank, ${width}] ` +
        `and B [${out}, rank]`,
    )
  return rank!
}

/**
 * The first `rank` rows of A and columns of B, multiplied as alpha asks for at that rank: what DyLoRA trains every rank to be
 * good at.
 * @throws RangeError when there are not so many
 */
export function cutLora({ a, b, scale }: LowRankFactors, rank: number): LowRankFactors {
  const [full, width] = a.shape as readonly [number, number]
  const out = b.shape[0]!
  if (!Number.isInteger(rank) || rank < 1 || rank > full)
    throw new RangeError(`adapter of rank ${full}: cannot be cut to ${rank}; expected 1 … ${full}`)
  const columns = new Float32Array(out * rank)
  for (let o = 0; o < out; o++) columns.set(b.data.subarray(o * full, o * full + rank), o * rank)
  return {
    a: { dtype: 'f32', shape: [rank, width], data: a.data.slice(0, rank * width) },
    b: { dtype: 'f32', shape: [out, rank], data: columns },
    scale: (scale * full) / rank,
  }
}
