import type { TensorF32 } from '@sinter/tensor-core'

/** @throws RangeError naming the first element that is NaN or infinite: such a matrix cannot be compressed, only repaired */
export function assertFinite(name: string, tensor: TensorF32): void {
  const { data, shape } = tensor
  if (allFinite(data)) return
  for (let k = 0; k < data.length; k++) {
    if (Number.isFinite(data[k])) continue
    const cols = shape.at(-1) ?? 1
    throw new RangeError(
      `${name}: expected finite weights, got ${data[k]} at row ${Math.floor(k / cols)}, column ${k % cols}; ` +
        'the checkpoint is damaged or was saved from a diverged run',
    )
  }
}

/** 0 · x is NaN for what is not finite, and so is the sum then. Four sums, because each addition waits for the one before. */
function allFinite(data: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]
  const quads = data.length - (data.length % 4)
  for (let k = 0; k < quads; k += 4) {
    a += data[k]! * 0
    b += data[k + 1]! * 0
    c += data[k + 2]! * 0
    d += data[k + 3]! * 0
  }
  for (let k = quads; k < data.length; k++) a += data[k]! * 0
  return a + b + c + d === 0
}
