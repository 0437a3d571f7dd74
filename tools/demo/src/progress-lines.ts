import type { TrainEvent } from '@sinter/model'

/**
 * Turns a run's events into lines: a line every `every` steps, with the means of those steps.
 * @returns a function that gives the line that an event ends, or nothing
 */
export function createProgressLines(every: number): (event: TrainEvent) => string | undefined {
  let seen = { loss: 0, tokens: 0, seconds: 0, steps: 0 }
  return event => {
    if (event.type !== 'step') return undefined
    const { step, steps, terms, tokens, seconds, gradientNorm, learningRate } = event
    seen = {
      loss: seen.loss + terms.loss!,
      tokens: seen.tokens + tokens,
      seconds: seen.seconds + seconds,
      steps: seen.steps + 1,
    }
    if (step % every !== 0) return undefined
    const { loss, tokens: read, seconds: spent, steps: count } = seen
    seen = { loss: 0, tokens: 0, seconds: 0, steps: 0 }
    const left = ((steps - step) * spent) / count / 60
    return [
      `step ${step}/${steps}`,
      `loss ${(loss / count).toFixed(4)}`,
      `norm ${gradientNorm.toFixed(2)}`,
      `rate ${learningRate.toExponential(2)}`,
      `${Math.round(read / spent)} tokens/s`,
      `${left.toFixed(1)} min left`,
    ].join('  ')
  }
}
