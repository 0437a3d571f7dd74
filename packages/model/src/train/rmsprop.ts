import { z } from 'zod'
import { checkStep, type FloatArray, type Optimizer, stateFloats, zerosLike } from './optimizer.ts'

export interface RmspropOptions {
  readonly alpha: number
  readonly epsilon: number
  /** L2: times the parameter, added to its gradient. */
  readonly weightDecay: number
}

/** RMSprop, as PyTorch has it: ε outside the root, no bias correction. Keeps `v`, as large as the tensor. */
export const rmsprop: Optimizer<RmspropOptions> = {
  name: 'rmsprop',
  title: 'RMSprop',
  paper: 'Hinton, Neural Networks for Machine Learning, lecture 6e (2012)',
  options: z.strictObject({
    alpha: z.number().min(0).lt(1).default(0.99).describe('Decay of the mean of squared gradients, a step.'),
    epsilon: z.number().positive().default(1e-8).describe('Added to the root of that mean.'),
    weightDecay: z.number().min(0).default(0).describe('Times the parameter, added to its gradient (L2).'),
  }),
  piece: 1,
  state: (shape, _, dtype) => ({ v: zerosLike(shape, dtype) }),
  step(input) {
    checkStep(input)
    const { parameter, gradient, state, learningRate, options } = input
    update(parameter, gradient, stateFloats(state, 'v', parameter.length), learningRate, options)
  },
}

function update(
  parameter: FloatArray,
  gradient: FloatArray,
  v: FloatArray,
  learningRate: number,
  { alpha, epsilon, weightDecay }: RmspropOptions,
): void {
  for (let i = 0; i < parameter.length; i++) {
    const weight = parameter[i]!
    const slope = gradient[i]! + weightDecay * weight
    const second = alpha * v[i]! + (1 - alpha) * slope * slope
    v[i] = second
    parameter[i] = weight - (learningRate * slope) / (Math.sqrt(second) + epsilon)
  }
}
