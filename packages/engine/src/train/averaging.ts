import { type Averaging, averageInto, averagingRate, type TrainSetup } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'

const averageName = (name: string) => `average/${name}`

/**
 * The same setup with an average of its parameters beside them: moved after every step, in checkpoints, and what is written in
 * the end when `finish` is called.
 */
export function averaged(
  setup: TrainSetup,
  averaging: Averaging | undefined,
): { readonly setup: TrainSetup; finish(): void } {
  if (!averaging) return { setup, finish: () => {} }
  const averages = new Map<string, TensorF32>()
  for (const [name, tensor] of setup.parameters)
    averages.set(averageName(name), { ...tensor, data: tensor.data.slice() })
  return {
    setup: {
      ...setup,
      state: new Map([...(setup.state ?? []), ...averages]),
      afterStep(at, gradients) {
        setup.afterStep?.(at, gradients)
        const rate = averagingRate(averaging, at.step + 1, at.steps)
        for (const [name, { data }] of setup.parameters) averageInto(averages.get(averageName(name))!.data, data, rate)
      },
    },
    finish() {
      for (const [name, { data }] of setup.parameters) data.set(averages.get(averageName(name))!.data)
    },
  }
}
