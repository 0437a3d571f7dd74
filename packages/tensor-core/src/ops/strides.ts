/** Row-major strides of `shape` when it is broadcast to `target`: 0 along repeated dimensions. */
export function strides(shape: readonly number[], target: readonly number[] = shape): number[] {
  const out = new Array<number>(target.length).fill(0)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    out[target.length - shape.length + i] = shape[i] === 1 ? 0 : step
    step *= shape[i]!
  }
  return out
}

export const product = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)
