import {
  type GradientMap,
  type LinearRewrite,
  type LowRankFactors,
  layerMatches,
  type StepAt,
  type TrainMethod,
} from '@sinter/model'
import { add, constant, createRng, linear, mul } from '@sinter/tensor-core'
import { z } from 'zod'
import {
  holdKept,
  keepOnly,
  loraE,
  newTriplets,
  noteImportance,
  orthogonalityPenalty,
  survivingFactors,
  type TripletLayers,
  tripletParameters,
  tripletState,
} from './adalora-layers.ts'
import { componentScores, type ImportanceRates } from './importance.ts'
import { loraA, loraB, mergeLora } from './lora.ts'
import { type BudgetSchedule, budgetAction, mostImportant } from './rank-budget.ts'
import { alphaOption, MAX_RANK, targetLayers, targetsOption } from './targets.ts'

export interface AdaloraOptions extends BudgetSchedule, ImportanceRates {
  /** Mean rank of a layer at the end. */
  readonly rank: number
  /** Rank of every layer at the start. */
  readonly initialRank: number
  readonly alpha: number
  /** Weight of the penalty on rows of A and columns of B that are not orthonormal. */
  readonly orthogonality: number
  readonly targets: readonly string[]
}

const phase = z
  .number()
  .min(0)
  .refine(value => value < 1 || Number.isInteger(value), {
    message: 'expected whole steps, or a number below 1 as the share of the run',
  })
const average = z.number().gt(0).lt(1).default(0.85)

const options: z.ZodType<AdaloraOptions> = z
  .strictObject({
    rank: z.int().min(1).max(MAX_RANK).default(8).describe('Mean rank of a layer at the end.'),
    initialRank: z.int().min(1).max(MAX_RANK).default(12).describe('Rank of every layer at the start.'),
    alpha: alphaOption.describe('The adapter is multiplied by alpha / initialRank.'),
    warmup: phase.default(0.1).describe('Start with every rank: whole steps, or below 1 a share of the run.'),
    final: phase.default(0.3).describe('Training on with the ranks that were kept: as warmup.'),
    every: z.int().min(1).default(1).describe('Steps between two allocations of ranks.'),
    beta1: average.describe('Share of the old average in that of the sensitivity |w ∂L/∂w|.'),
    beta2: average.describe('The same of its uncertainty.'),
    orthogonality: z.number().min(0).default(0.5).describe('Weight of the penalty that keeps A and B orthonormal.'),
    targets: targetsOption,
  })
  .refine(({ rank, initialRank }) => rank <= initialRank, { path: ['rank'], message: 'expected at most initialRank' })

/**
 * Adapters B diag(E) A in the form of a singular value decomposition, whose components stay with the layers that need them: by
 * importance over all layers, while the budget shrinks (AdaLoRA, 2303.10512). Importance is taken after the step, and the
 * penalty is the mean of the norms ‖A Aᵀ − I‖ and ‖BᵀB − I‖, not of their squares: as in the authors' code, where the defaults
 * are from.
 */
export const adalora: TrainMethod<AdaloraOptions> = {
  kind: 'train',
  name: 'adalora',
  title: 'LoRA with ranks by importance (AdaLoRA)',
  paper: 'arXiv:2303.10512',
  options,
  needs: () => [],
  async setUp(model, chosen, { seed }) {
    const layers = newTriplets(targetLayers(model, chosen.targets, 'adalora'), chosen.initialRank, createRng(seed))
    const scale = chosen.alpha / chosen.initialRank
    return {
      rewrite: tripletRewrite(chosen, scale),
      parameters: tripletParameters(layers),
      state: tripletState(layers),
      penalty: gradients => ({ orthogonality: orthogonalityPenalty(layers, chosen.orthogonality, gradients) }),
      afterStep: (at, gradients) => giveOutRanks(layers, chosen, at, gradients),
      merge(layer, weight) {
        const triplets = layers.get(layer)
        const factors = triplets && survivingFactors(triplets, scale)
        return factors && mergeLora(weight, factors)
      },
      adapter() {
        const adapter = new Map<string, LowRankFactors>()
        for (const [layer, triplets] of layers) {
          const factors = survivingFactors(triplets, scale)
          if (factors) adapter.set(layer, factors)
        }
        return adapter
      },
    }
  },
}

/** y = x Wᵀ + b + scale · ((x Aᵀ) ⊙ E) Bᵀ */
function tripletRewrite({ initialRank: rank, targets }: AdaloraOptions, scale: number): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    const plain = linear(x, weight, bias)
    if (!layerMatches(name, targets)) return plain
    const [out, width] = weight.shape as readonly [number, number]
    const values = mul(t.parameter(loraE(name), [rank]), constant(scale))
    const down = mul(linear(x, t.parameter(loraA(name), [rank, width])), values)
    return add(plain, linear(down, t.parameter(loraB(name), [out, rank])))
  }
}

function giveOutRanks(layers: TripletLayers, chosen: AdaloraOptions, at: StepAt, gradients: GradientMap): void {
  const budget = { from: layers.size * chosen.initialRank, to: layers.size * chosen.rank }
  const action = budgetAction(chosen, { done: at.step + 1, steps: at.steps }, budget)
  if (action.kind === 'hold') {
    holdKept(layers)
    return
  }
  // The last allocation goes by what was known before its step.
  if (action.kind === 'nothing' || !action.last) noteImportance(layers, gradients, chosen)
  if (action.kind === 'nothing') return
  const scores = new Map([...layers].map(([layer, { importance }]) => [layer, componentScores(importance)]))
  keepOnly(layers, mostImportant(scores, action.budget))
}
