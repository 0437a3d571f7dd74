import { z } from 'zod'
import { checkStep, type FloatArray, type Optimizer, stateFloats, zerosLike } from './optimizer.ts'

export interface SgdOptions {
  readonly momentum: number
  /** Share of a gradient that does not enter the momentum. */
  readonly dampening: number
  readonly nesterov: boolean
  /** L2: times the parameter, added to its gradient. */
  readonly weightDecay: number
}

/**
 * Stochastic gradient descent with momentum, as PyTorch has it: the momentum is Σ μᵗ g without the learning rate, and the first
 * gradient enters it undampened. Nesterov's form is that of Sutskever et al. §2. Keeps `m` only with momentum.
 */
export const sgd: Optimizer<SgdOptions> = {
  name: 'sgd',
  title: 'Stochastic gradient descent',
  paper: 'Sutskever et al., ICML 2013',
  options: z
    .strictObject({
      momentum: z.number().min(0).lt(1).default(0).describe('Decay of the sum of gradients, a step; 0: none is kept.'),
      dampening: z.number().min(0).max(1).default(0).describe('Share of a gradient kept out of the momentum.'),
      nesterov: z.boolean().default(false).describe('Look ahead along the momentum.'),
      weightDecay: z.number().min(0).default(0).describe('Times the parameter, added to its gradient (L2).'),
    })
    .refine(({ nesterov, momentum, dampening }) => !nesterov || (momentum > 0 && dampening === 0), {
      message: 'nesterov needs a momentum above 0 and no dampening',
      path: ['nesterov'],
    }),
  piece: 1,
  state: (shape, { momentum }, dtype) => (momentum > 0 ? { m: zerosLike(shape, dtype) } : {}),
  step(input) {
    checkStep(input)
    const { parameter, gradient, state, step, learningRate, options } = input
    if (options.momentum === 0) return descend(parameter, gradient, learningRate, options.weightDecay)
    const rise = step === 1 ? 1 : 1 - options.dampening
    momentumUpdate(parameter, gradient, stateFloats(state, 'm', parameter.length), learningRate, rise, options)
  },
}

function descend(parameter: FloatArray, gradient: FloatArray, learningRate: number, l2: number): void {
  for (let i = 0; i < parameter.length; i++) {
    const weight = parameter[i]!
    parameter[i] = weight - learningRate * (gradient[i]! + l2 * weight)
  }
}

function momentumUpdate(
  parameter: FloatArray,
  gradient: FloatArray,
  m: FloatArray,
  learningRate: number,
  rise: number,
  { momentum, nesterov, weightDecay }: SgdOptions,
): void {
  // The direction is a·g + b·m.
  const [a, b] = nesterov ? [1, momentum] : [0, 1]
  for (let i = 0; i < parameter.length; i++) {
    const weight = parameter[i]!
    const slope = gradient[i]! + weightDecay * weight
    const sum = momentum * m[i]! + rise * slope
    m[i] = sum
    parameter[i] = weight - learningRate * (a * slope + b * sum)
  }
}
