import { type LinearRewrite, type LowRankFactors, layerMatches, type TrainMethod } from '@sinter/model'
import { add, createRng, linear, mul, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { cutLora, initialLora, loraA, loraB, mergeLora } from './lora.ts'
import { alphaOption, MAX_RANK, targetLayers, targetsOption } from './targets.ts'

export interface DyloraOptions {
  readonly rank: number
  readonly minRank: number
  /** Which components a step moves: all that it used, or the last of them alone. */
  readonly moves: 'used' | 'last'
  /** Rank that the result is cut to; absent: the full one. */
  readonly keep?: number | undefined
  readonly alpha: number
  readonly targets: readonly string[]
}

const gateName = (layer: string): string => `${layer}.lora_gate`

/**
 * One adapter for many ranks: each step draws a rank b for all layers and computes with the first b components, multiplied by
 * alpha / b, so that they come to be ordered by use and the adapter can be cut to any rank afterwards (`cutLora`).
 * DyLoRA, 2210.07558 §4, Algorithm 1; `moves: last` is its "frozen" variant.
 */
export const dylora: TrainMethod<DyloraOptions> = {
  kind: 'train',
  name: 'dylora',
  title: 'LoRA of every rank at once (DyLoRA)',
  paper: 'arXiv:2210.07558 §4',
  options: z
    .strictObject({
      rank: z.int().min(1).max(MAX_RANK).default(16).describe('Width of the adapter: the largest rank that is drawn.'),
      minRank: z.int().min(1).max(MAX_RANK).default(1).describe('The smallest rank that is drawn.'),
      moves: z
        .enum(['used', 'last'])
        .default('used')
        .describe('What a step moves: every component that it used, or only the last of them.'),
      keep: z.int().min(1).max(MAX_RANK).optional().describe('Rank that the result is cut to. Default: rank.'),
      alpha: alphaOption,
      targets: targetsOption,
    })
    .refine(({ rank, minRank }) => minRank <= rank, { path: ['minRank'], message: 'expected at most rank' })
    .refine(({ rank, keep = rank }) => keep <= rank, { path: ['keep'], message: 'expected at most rank' }),
  needs: () => [],
  async setUp(model, { rank, minRank, moves, keep = rank, alpha, targets }, { seed }) {
    const rng = createRng(seed)
    const parameters = new Map<string, TensorF32>()
    const adapter = new Map<string, LowRankFactors>()
    const gate: TensorF32 = { dtype: 'f32', shape: [rank], data: new Float32Array(rank) }
    const open = (used: number) => void gate.data.fill(0).fill(alpha / used, 0, used)
    const stepInputs = new Map<string, TensorF32>()
    for (const { stored, shape } of targetLayers(model, targets, 'dylora')) {
      const { a, b } = initialLora(shape, rank, rng)
      parameters.set(loraA(stored), a).set(loraB(stored), b)
      adapter.set(stored, { a, b, scale: alpha / rank })
      stepInputs.set(gateName(stored), gate)
    }
    const cut = (factors: LowRankFactors) => (keep === rank ? factors : cutLora(factors, keep))
    let before: readonly LowRankFactors[] = []
    let used = rank
    open(keep)
    return {
      rewrite: gatedRewrite(rank, targets),
      parameters,
      stepInputs,
      beforeStep({ step }) {
        // Of the step alone, so that a run that goes on draws what it would have drawn.
        used = minRank + rng.split(`step ${step}`).integer(rank - minRank + 1)
        open(used)
        before = [...adapter.values()].map(copyOf)
      },
      afterStep() {
        const moved = (r: number) => r < used && (moves === 'used' || r === used - 1)
        for (const [i, factors] of [...adapter.values()].entries()) putBack(factors, before[i]!, moved)
        before = []
        open(keep)
      },
      merge(layer, weight) {
        const factors = adapter.get(layer)
        return factors && mergeLora(weight, cut(factors))
      },
      adapter: () => new Map([...adapter].map(([layer, factors]) => [layer, cut(factors)])),
    }
  },
}

/** y = x Wᵀ + b + (x Aᵀ ⊙ gate) Bᵀ: the gate `[rank]` is alpha / b for the first b components, then zero. */
function gatedRewrite(rank: number, targets: readonly string[]): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    const plain = linear(x, weight, bias)
    if (!layerMatches(name, targets)) return plain
    const [out, width] = weight.shape as readonly [number, number]
    const down = mul(linear(x, t.parameter(loraA(name), [rank, width])), t.parameter(gateName(name), [rank]))
    return add(plain, linear(down, t.parameter(loraB(name), [out, rank])))
  }
}

const copyOf = ({ a, b, scale }: LowRankFactors): LowRankFactors => ({
  a: { ...a, data: a.data.slice() },
  b: { ...b, data: b.data.slice() },
  scale,
})

/** Components that a step did not use have no gradient, but momentum and decay would move them all the same. */
function putBack({ a, b }: LowRankFactors, before: LowRankFactors, moved: (component: number) => boolean): void {
  const [rank, width] = a.shape as readonly [number, number]
  for (let r = 0; r < rank; r++) {
    if (moved(r)) continue
    a.data.set(before.a.data.subarray(r * width, (r + 1) * width), r * width)
    for (let i = r; i < b.data.length; i += rank) b.data[i] = before.b.data[i]!
  }
}
