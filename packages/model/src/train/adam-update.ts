import { z } from 'zod'
import type { FloatArray } from './optimizer.ts'

/** Options of everything that keeps Adam's two moments. */
export const momentFields: {
  readonly beta1: z.ZodDefault<z.ZodNumber>
  readonly beta2: z.ZodDefault<z.ZodNumber>
  readonly epsilon: z.ZodDefault<z.ZodNumber>
  readonly weightDecay: z.ZodDefault<z.ZodNumber>
} = {
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the mean of gradients, a step.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the mean of squared gradients, a step.'),
  epsilon: z.number().positive().default(1e-8).describe('Added to the root of the second moment.'),
  weightDecay: z.number().min(0).default(0.01).describe('Pull of weights towards zero, times the learning rate.'),
}

/** What `momentFields` give. */
export interface MomentOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
}

/** The numbers of one step that are the same for all values. */
export interface AdamCoefficients {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Multiple of the parameter that is added to its gradient. */
  readonly l2: number
  /** Factor of the parameter before the step. */
  readonly keep: number
  /** Learning rate over the bias correction of the first moment. */
  readonly stepSize: number
  /** Bias correction of √v. */
  readonly rootScale: number
}

/** @param decoupled weight decay shrinks the parameter (AdamW); otherwise it is added to the gradient (Adam with L2) */
export function adamCoefficients(
  { beta1, beta2, epsilon, weightDecay }: MomentOptions,
  decoupled: boolean,
  step: number,
  learningRate: number,
): AdamCoefficients {
  return {
    beta1,
    beta2,
    epsilon,
    l2: decoupled ? 0 : weightDecay,
    keep: decoupled ? 1 - learningRate * weightDecay : 1,
    stepSize: learningRate / (1 - beta1 ** step),
    rootScale: 1 / Math.sqrt(1 - beta2 ** step),
  }
}

/**
 * Values `from … to` of a parameter; value i has its moments at i − base. One flat loop for Adam and AdamW, whose other halves
 * cost a multiplication by 0 or 1. The update uses the moments before they are rounded to the type they are kept in.
 */
export function adamUpdate(
  parameter: FloatArray,
  gradient: FloatArray,
  m: FloatArray,
  v: FloatArray,
  coefficients: AdamCoefficients,
  from: number,
  to: number,
  base: number,
): void {
  const { beta1, beta2, epsilon, l2, keep, stepSize, rootScale } = coefficients
  const rise1 = 1 - beta1
  const rise2 = 1 - beta2
  for (let i = from; i < to; i++) {
    const weight = parameter[i]!
    const slope = gradient[i]! + l2 * weight
    const first = beta1 * m[i - base]! + rise1 * slope
    const second = beta2 * v[i - base]! + rise2 * slope * slope
    m[i - base] = first
    v[i - base] = second
    parameter[i] = keep * weight - (stepSize * first) / (rootScale * Math.sqrt(second) + epsilon)
  }
}
