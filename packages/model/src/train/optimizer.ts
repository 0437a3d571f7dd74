import { sizeOf } from '@sinter/tensor-core'
import type { z } from 'zod'

/** Parameters, gradients and moments: arithmetic is done in f64, results are rounded to the array's own type. */
export type FloatArray = Float32Array | Float64Array

/** What an optimizer remembers of one tensor, by name: plain arrays, so that it can be stored and read again. */
export type OptimizerState = Readonly<Record<string, FloatArray | Uint8Array>>

/** One step on one tensor, or on one piece of it. `parameter` and `state` are changed in place. */
export interface OptimizerStep<Options = unknown> {
  /** Flat, row-major. */
  readonly parameter: FloatArray
  /** ∂loss/∂parameter, as long as the parameter; clipped already, and left as it is. */
  readonly gradient: FloatArray
  /** What `state` gave for this shape and these options. */
  readonly state: OptimizerState
  readonly shape: readonly number[]
  /** Counts from 1. */
  readonly step: number
  /** Of this step: the base rate times the schedule's multiplier. */
  readonly learningRate: number
  readonly options: Options
}

/** An optimizer as data: a name, the schema of its options, and two functions that know nothing of a model. */
export interface Optimizer<Options = unknown> {
  /** As recipes write it. */
  readonly name: string
  readonly title: string
  /** arXiv id or another reference that can be looked up. */
  readonly paper: string
  /** Validates options and fills in the defaults. */
  readonly options: z.ZodType<Options>
  /**
   * How a large tensor may be stepped in pieces, each with a state of its own, to the same result: in runs of a multiple of
   * this many values (the last may be shorter), or only as a whole tensor.
   */
  readonly piece: number | 'tensor'
  /** Zeroed state for a tensor. `dtype` is that of the moments; what is stored in fewer bits anyway does not heed it. */
  state(shape: readonly number[], options: Options, dtype?: 'f32' | 'f64'): OptimizerState
  /** @throws RangeError when parameter, gradient, shape and state do not belong together */
  step(input: OptimizerStep<Options>): void
}

/** Zeros, one for each value of a tensor. */
export function zerosLike(shape: readonly number[], dtype: 'f32' | 'f64' = 'f32'): FloatArray {
  return dtype === 'f32' ? new Float32Array(sizeOf(shape)) : new Float64Array(sizeOf(shape))
}

/** @throws RangeError when lengths disagree with the shape, or step or rate make no sense */
export function checkStep({ parameter, gradient, shape, step, learningRate }: OptimizerStep): void {
  const size = sizeOf(shape)
  if (parameter.length !== size || gradient.length !== size)
    throw new RangeError(
      `optimizer step: a tensor [${shape}] has ${size} values; got ${parameter.length} of the parameter and ` +
        `${gradient.length} of its gradient`,
    )
  if (!Number.isSafeInteger(step) || step < 1)
    throw new RangeError(`optimizer step: steps are counted from 1, got ${step}`)
  if (!Number.isFinite(learningRate) || learningRate < 0)
    throw new RangeError(`optimizer step: expected a finite learning rate >= 0, got ${learningRate}`)
}

/** An array of the state. @throws RangeError when it is missing, of another kind or length: states may come from a file */
export function stateFloats(state: OptimizerState, name: string, length: number): FloatArray {
  const array = state[name]
  if (array && !(array instanceof Uint8Array) && array.length === length) return array
  throw wrongState(name, `${length} floats`, array)
}

/** The same for codes of 8 bits. */
export function stateCodes(state: OptimizerState, name: string, length: number): Uint8Array {
  const array = state[name]
  if (array instanceof Uint8Array && array.length === length) return array
  throw wrongState(name, `${length} bytes`, array)
}

function wrongState(name: string, expected: string, array: OptimizerState[string] | undefined): RangeError {
  const got = array ? `${array.constructor.name} of ${array.length}` : 'nothing'
  return new RangeError(
    `optimizer state "${name}": expected ${expected}, got ${got}; it was made for another tensor, optimizer or options, ` +
      'so make a new one with `state`',
  )
}
