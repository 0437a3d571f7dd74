import {
  abs,
  constant,
  div,
  greater,
  maximum,
  minimum,
  mul,
  type Node,
  reduceMax,
  round,
  stop,
  straightThrough,
  sub,
} from '@sinter/tensor-core'

/** Codes low … high, both included. */
export interface CodeRange {
  readonly low: number
  readonly high: number
}

/** Symmetric codes of so many bits, as many on either side of zero. */
export const symmetricRange = (bits: number): CodeRange => ({ low: 1 - 2 ** (bits - 1), high: 2 ** (bits - 1) - 1 })

/** All codes of so many bits, one more below zero. */
export const signedRange = (bits: number): CodeRange => ({ low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1 })

const clip = (x: Node, { low, high }: CodeRange): Node => minimum(maximum(x, constant(low)), constant(high))

/** 1 where low ≤ x ≤ high, else 0. */
const inside = (x: Node, { low, high }: CodeRange): Node =>
  sub(sub(constant(1), greater(x, constant(high))), greater(constant(low), x))

/** x times a factor that gradients see as a constant. */
const times = (x: Node, factor: Node): Node => mul(x, stop(factor))

/** Rounded to levels of a scale, with the gradient of x wherever the code was not clipped. x and scale broadcast. */
export function fakeQuantize(x: Node, scale: Node, range: CodeRange): Node {
  const codes = round(div(x, scale))
  return straightThrough(mul(clip(codes, range), scale), times(x, inside(codes, range)))
}

/**
 * Learned step size (LSQ, 1902.08153 §2.1): the gradient reaches the scale too.
 * @param gradientScale what the scale's gradient is multiplied by, 1/√(values · high)
 */
export function learnedStep(x: Node, scale: Node, range: CodeRange, gradientScale: number): Node {
  const step = straightThrough(scale, mul(scale, constant(gradientScale)))
  const position = div(x, step)
  const clipped = straightThrough(clip(position, range), times(position, inside(position, range)))
  return mul(straightThrough(round(clipped), clipped), step)
}

/** absmax / high over the last dimension, which stays as 1; a constant to gradients. Never zero. */
export const absmaxScale = (x: Node, { high }: CodeRange): Node =>
  stop(maximum(div(reduceMax(abs(x), [-1]), constant(high)), constant(1e-12)))
