/** How the learning rate goes over a run, in steps. */
export interface RateShape {
  /** It rises in a line until here, and stays. */
  readonly warmup: number
  /** Where the run ends. */
  readonly steps: number
  /** Steps before the end in which it goes to 0 in a line. */
  readonly cooldown: number
}

/** The step up to which a run does not depend on where it ends. */
export const coolFrom = ({ steps, cooldown }: Pick<RateShape, 'steps' | 'cooldown'>): number => steps - cooldown

/**
 * The multiplier of the learning rate in step 0, 1, …: it rises, stays, and comes to rest, so a run may end when time is up
 * (Hu et al., arXiv:2404.06395 §4).
 */
export function multiplierOf(shape: RateShape): (step: number) => number {
  const { warmup, steps, cooldown } = shape
  return step => {
    if (step < warmup) return step / warmup
    return step < coolFrom(shape) ? 1 : Math.max(0, steps - step) / cooldown
  }
}
