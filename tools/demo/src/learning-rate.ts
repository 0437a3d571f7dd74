/** Lengths of a run's phases, in steps. */
export interface Phases {
  readonly steps: number
  readonly warmup: number
  /** At the end. */
  readonly decay: number
}

/**
 * The multiplier of the learning rate in step 0, 1, …: it rises in a line, stays, and falls to 0 as the square of what is left.
 * The square comes down early and is long near the end: a small batch makes gradients noisy, and most is learnt at a third of the
 * highest rate. While it stays, a run does not depend on how long it will be.
 */
export const multiplierOf =
  ({ steps, warmup, decay }: Phases): ((step: number) => number) =>
  step => {
    if (step < warmup) return step / warmup
    const left = (steps - step) / decay
    return left < 1 ? left ** 2 : 1
  }
