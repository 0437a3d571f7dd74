import { SinterError } from '@sinter/model'

/** The phases of a run in which ranks are given out (AdaLoRA, 2303.10512 §3.3). Lengths are steps, or below 1 a share of the run. */
export interface BudgetSchedule {
  /** Steps at the start with every component. */
  readonly warmup: number
  /** Steps at the end in which the chosen components are trained on. */
  readonly final: number
  /** Steps between two allocations. */
  readonly every: number
}

/** What happens once a step is done. */
export type BudgetAction =
  | { readonly kind: 'nothing' }
  /** The `budget` most important components stay, the others are set to zero; they may come back until the last time. */
  | { readonly kind: 'allocate'; readonly budget: number; readonly last: boolean }
  /** Only those of the last allocation stay. */
  | { readonly kind: 'hold' }

/**
 * The budget falls from `from` components to `to` along a cube, after the warm-up and until the final phase.
 * @param done steps that are done, this one included
 * @throws SinterError when the phases do not fit into the run
 */
export function budgetAction(
  schedule: BudgetSchedule,
  { done, steps }: { readonly done: number; readonly steps: number },
  { from, to }: { readonly from: number; readonly to: number },
): BudgetAction {
  const warmup = lengthIn(schedule.warmup, steps)
  const final = lengthIn(schedule.final, steps)
  const span = steps - final - warmup
  if (span < 1)
    throw new SinterError(
      'option',
      `adalora: a warm-up of ${warmup} steps and ${final} final ones leave no step of a run of ${steps} to give out ranks; ` +
        'shorten them, or give them as shares of the run (0.1)',
    )
  if (done <= warmup) return { kind: 'nothing' }
  if (done > steps - final) return { kind: 'hold' }
  const last = done === steps - final
  if (!last && done % schedule.every !== 0) return { kind: 'nothing' }
  const left = 1 - (done - warmup) / span
  return { kind: 'allocate', budget: Math.floor((from - to) * left ** 3 + to), last }
}

const lengthIn = (length: number, steps: number): number => (length < 1 ? Math.ceil(length * steps) : length)

/**
 * Which of all components are among the `budget` most important, layer by layer; of equal ones the earlier stays.
 * @param scores by layer, one a component
 */
export function mostImportant(
  scores: ReadonlyMap<string, Float64Array>,
  budget: number,
): Map<string, readonly boolean[]> {
  const all = [...scores].flatMap(([layer, values]) => Array.from(values, (score, i) => ({ layer, i, score })))
  const kept = new Map([...scores].map(([layer, values]) => [layer, Array.from(values, () => false)]))
  // The sort is stable.
  for (const { layer, i } of all.toSorted((a, b) => b.score - a.score).slice(0, budget)) kept.get(layer)![i] = true
  return kept
}
