import { adamw, createLearner, crossEntropy, type Model, type TrainSetup, type TrainTokens, train } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'

/** Trains with AdamW at a constant rate. @returns the loss of every step */
export async function shortTraining(
  model: Model,
  setup: TrainSetup,
  backend: Backend,
  options: {
    readonly steps: number
    batch(step: number): TrainTokens
    readonly learningRate?: number
    readonly weightDecay?: number
    readonly onStep?: (step: number) => void
  },
): Promise<number[]> {
  const { steps, batch, learningRate = 0.01, weightDecay = 0, onStep } = options
  const { parameters, stepInputs = new Map(), rewrite } = setup
  const learner = createLearner(model, { backend, objective: crossEntropy, parameters, stepInputs, rewrite })
  const losses: number[] = []
  for await (const event of train({
    learner,
    parameters,
    hooks: setup,
    optimizer: adamw,
    optimizerOptions: { ...(adamw.options.parse({ weightDecay }) as object) },
    learningRate,
    schedule: () => 1,
    steps,
    clip: 1,
    batches: async step => [batch(step)],
  })) {
    if (event.type !== 'step') continue
    losses.push(event.terms.loss!)
    onStep?.(event.step - 1)
  }
  await learner.close()
  return losses
}
