import { assertFinite, type MethodContext } from '@sinter/model'
import type { TensorF32, Weight } from '@sinter/tensor-core'

/** What a method that looks at one matrix at a time makes of each. @throws when one is not finite, with its name */
export function eachLayer(
  layers: ReadonlyMap<string, TensorF32>,
  context: MethodContext,
  make: (weight: TensorF32) => Weight,
): ReadonlyMap<string, Weight> {
  const out = new Map<string, Weight>()
  for (const [name, weight] of layers) {
    assertFinite(`${context.name} ${name}`, weight)
    out.set(name, make(weight))
  }
  return out
}
