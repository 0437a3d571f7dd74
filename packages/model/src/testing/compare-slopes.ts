import { createRng, referenceBackend, type Tensor } from '@sinter/tensor-core'
import { expect } from 'vitest'
import type { Model } from '../model.ts'
import type { StepAt, TrainSetup } from '../train/method.ts'
import { everyToken } from '../train/target-rows.ts'
import { learnerFor, sum } from './train-run.ts'

/** Where hooks are told that they are: some step in the middle. */
const AT: StepAt = { step: 2, steps: 10 }

/** Away from the start, where an adapter is nothing and half of its gradients are zero. */
export function nudge({ parameters }: TrainSetup): void {
  const rng = createRng('nudge')
  for (const { data } of parameters.values()) {
    const size = 0.3 * Math.max(0.2, Math.sqrt(sum(Array.from(data, value => value * value)) / data.length))
    for (let i = 0; i < data.length; i++) data[i]! += size * rng.normal()
  }
}

/** What the loss is known to in f64: hidden states are f32 between blocks and head. */
const LOSS_ERROR = 4e-8

/** Slopes along a random direction through each tensor, by differences of five points. */
export async function compareSlopes(
  model: Model,
  setup: TrainSetup,
  names: readonly string[],
  ids: Tensor,
): Promise<void> {
  const backend = referenceBackend({ wide: true })
  const learner = learnerFor(model, setup, backend)
  const batches = [everyToken(ids)]
  setup.beforeStep?.(AT)
  const { gradients } = await learner.gradients(batches)
  setup.penalty?.(gradients)
  const value = async () =>
    (await learner.evaluate(batches)).loss! + sum(Object.values(setup.penalty?.(new Map()) ?? {}))
  const rng = createRng('directions')
  for (const name of names) {
    const { data } = setup.parameters.get(name)!
    const start = data.slice()
    const direction = Float64Array.from(start, () => rng.normal())
    const gradient = gradients.get(name)!
    const slope = sum(Array.from(gradient, (g, i) => g * direction[i]!))
    const step = Math.min(0.0015, 0.006 * Math.sqrt(sum(Array.from(start, x => x * x)) / start.length))
    const at = async (k: number) => {
      for (let i = 0; i < data.length; i++) data[i] = start[i]! + k * step * direction[i]!
      return value()
    }
    const measured = ((await at(-2)) - 8 * (await at(-1)) + 8 * (await at(1)) - (await at(2))) / (12 * step)
    data.set(start)
    const size = Math.sqrt(sum(Array.from(gradient, g => g * g)))
    expect(Math.abs(measured - slope), `${name}: ${measured} and ${slope}`).toBeLessThan(
      1e-3 * size + LOSS_ERROR / step,
    )
  }
  await learner.close()
}
