import { createRng, type DType, f32, input, type Node, type Tensor } from '../../src/index.ts'

export interface Dims {
  readonly batch: number
  readonly tokens: number
  readonly width: number
  readonly seed: number
}

export interface Case {
  readonly y: Node
  /** Inputs that are differentiated. */
  readonly wrt: Readonly<Record<string, Tensor>>
  readonly fixed?: Readonly<Record<string, Tensor>>
}

export type Make = (d: Dims) => Case

export const normal = (shape: readonly number[], seed: number, offset = 0): Tensor => {
  const rng = createRng(seed)
  return f32(
    shape,
    Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => offset + rng.normal()),
  )
}

export const whole = (shape: readonly number[], below: number, seed: number): Tensor => {
  const rng = createRng(seed)
  const data = Int32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => Math.floor(rng.uniform() * below))
  return { dtype: 'i32', shape, data }
}

export const stream = (width: number | string, name = 'x', dtype: DType = 'f32'): Node =>
  input(name, dtype, ['batch', 'tokens', width])

export const positive = (shape: readonly number[], seed: number): Tensor => {
  const t = normal(shape, seed)
  return f32(
    shape,
    (t.data as Float32Array).map(v => 0.5 + Math.abs(v)),
  )
}
