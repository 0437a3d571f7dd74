import type { TensorF32 } from '@sinter/tensor-core'

/** @throws RangeError naming the first element that is NaN or infinite: such a matrix cannot be compressed, only repaired */
export function assertFinite(name: string, tensor: TensorF32): void {
  const { data, shape } = tensor
  for (let k = 0; k < data.length; k++) {
    if (Number.isFinite(data[k])) continue
    const cols = shape.at(-1) ?? 1
    throw new RangeError(
      `${name}: expected finite weights, got ${data[k]} at row ${Math.floor(k / cols)}, column ${k % cols}; ` +
        'the checkpoint is damaged or was saved from a diverged run',
    )
  }
}
