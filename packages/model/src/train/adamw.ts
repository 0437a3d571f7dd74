import { z } from 'zod'
import { type AdamCoefficients, adamCoefficients, adamUpdate, type MomentOptions, momentFields } from './adam-update.ts'
import { checkStep, type FloatArray, type Optimizer, stateFloats, zerosLike } from './optimizer.ts'

export interface AdamWOptions extends MomentOptions {
  /** Weight decay apart from the gradient (AdamW); false: as an L2 term in the gradient (Adam). */
  readonly decoupled: boolean
  /** Divide by the largest second moment so far. */
  readonly amsgrad: boolean
}

/**
 * AdamW, Loshchilov and Hutter, Algorithm 2; Adam (Kingma and Ba, arXiv:1412.6980, Algorithm 1) with `decoupled: false`;
 * AMSGrad (Reddi et al., ICLR 2018, Algorithm 2, with the bias corrections of PyTorch) with `amsgrad`.
 * Keeps `m` and `v`, and `peak` for AMSGrad, each as large as the tensor.
 */
export const adamw: Optimizer<AdamWOptions> = {
  name: 'adamw',
  title: 'AdamW',
  paper: 'arXiv:1711.05101',
  options: z.strictObject({
    ...momentFields,
    decoupled: z
      .boolean()
      .default(true)
      .describe('Weight decay beside the gradient (AdamW), not in it (Adam with L2).'),
    amsgrad: z.boolean().default(false).describe('Divide by the largest second moment so far.'),
  }),
  piece: 1,
  state(shape, { amsgrad }, dtype) {
    const moments = { m: zerosLike(shape, dtype), v: zerosLike(shape, dtype) }
    return amsgrad ? { ...moments, peak: zerosLike(shape, dtype) } : moments
  },
  step(input) {
    checkStep(input)
    const { parameter, gradient, state, step, learningRate, options } = input
    const size = parameter.length
    const m = stateFloats(state, 'm', size)
    const v = stateFloats(state, 'v', size)
    const coefficients = adamCoefficients(options, options.decoupled, step, learningRate)
    if (options.amsgrad) amsgradUpdate(parameter, gradient, m, v, stateFloats(state, 'peak', size), coefficients)
    else adamUpdate(parameter, gradient, m, v, coefficients, 0, size, 0)
  },
}

function amsgradUpdate(
  parameter: FloatArray,
  gradient: FloatArray,
  m: FloatArray,
  v: FloatArray,
  peak: FloatArray,
  coefficients: AdamCoefficients,
): void {
  const { beta1, beta2, epsilon, l2, keep, stepSize, rootScale } = coefficients
  for (let i = 0; i < parameter.length; i++) {
    const weight = parameter[i]!
    const slope = gradient[i]! + l2 * weight
    const first = beta1 * m[i]! + (1 - beta1) * slope
    const second = beta2 * v[i]! + (1 - beta2) * slope * slope
    const most = Math.max(peak[i]!, second)
    m[i] = first
    v[i] = second
    peak[i] = most
    parameter[i] = keep * weight - (stepSize * first) / (rootScale * Math.sqrt(most) + epsilon)
  }
}
