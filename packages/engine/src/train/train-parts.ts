import { type Optimizer, optimizerOf, type TrainMethod, type WeightMethod } from '@sinter/model'
import { findMethod } from '../registry/methods.ts'
import { findTrainMethod } from '../registry/train-methods.ts'
import type { TrainRecipe } from './train-recipe.ts'

// What a checked recipe names, with the options filled in.

export function methodOf({ method: { name, ...options } }: TrainRecipe): { method: TrainMethod; options: unknown } {
  const method = findTrainMethod(name)
  return { method, options: method.options.parse(options) }
}

/** The method that rounds the frozen matrices, if there is one. */
export function backboneOf({ backbone }: TrainRecipe): { method: WeightMethod; options: unknown } | undefined {
  if (!backbone) return undefined
  const { method: name, ...options } = backbone
  const method = findMethod(name) as WeightMethod
  return { method, options: method.options.parse(options) }
}

export function optimizerFor({ optimizer: { name, ...options } }: TrainRecipe): {
  optimizer: Optimizer
  options: Record<string, unknown>
} {
  const optimizer = optimizerOf(name)
  return { optimizer, options: optimizer.options.parse(options) as Record<string, unknown> }
}
