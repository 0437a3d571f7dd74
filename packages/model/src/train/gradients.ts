import { freeBuffer } from '@sinter/tensor-core'

/** Gradients by stored tensor name, summed over the batches of a step; layouts are the checkpoint's. */
export type GradientMap = Map<string, Float32Array>

/** Adds to the gradient of a tensor, taking the part over: the first one is kept as it is, the memory of others is freed. */
export function addGradient(gradients: GradientMap, name: string, part: Float32Array): void {
  const before = gradients.get(name)
  if (!before) {
    gradients.set(name, part)
    return
  }
  if (before.length !== part.length)
    throw new RangeError(`gradient of ${name}: ${before.length} values, then ${part.length}`)
  for (let i = 0; i < before.length; i++) before[i]! += part[i]!
  freeBuffer(part)
}
