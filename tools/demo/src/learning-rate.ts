/** How the learning rate goes over a run, in steps. */
export interface RateShape {
  /** It rises in a line until here, */
  readonly warmup: number
  /** stays until here, */
  readonly hold: number
  /** and falls as the square of what is left until here. */
  readonly horizon: number
  /** Where the run ends, at most at the horizon. */
  readonly steps: number
  /** Steps before the end in which it also goes to 0 in a line. */
  readonly cooldown: number
}

/** The step up to which a run does not depend on where it ends. */
export const coolFrom = ({ steps, cooldown }: Pick<RateShape, 'steps' | 'cooldown'>): number => steps - cooldown

/**
 * The multiplier of the learning rate in step 0, 1, …: it rises, stays, falls, and comes to rest. The square comes down early and is
 * low for long, for a small batch makes gradients noisy; with a cooldown a run may end when time is up (Hu et al., arXiv:2404.06395 §4).
 */
export function multiplierOf(shape: RateShape): (step: number) => number {
  const { warmup, hold, horizon, steps, cooldown } = shape
  const rest = (step: number) => (step < coolFrom(shape) ? 1 : Math.max(0, steps - step) / cooldown)
  return step => {
    if (step < warmup) return step / warmup
    return rest(step) * (step < hold ? 1 : (Math.max(0, horizon - step) / (horizon - hold)) ** 2)
  }
}
