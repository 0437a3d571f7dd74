import { createRng, type TensorF32 } from '@sinter/tensor-core'
import type { Statistics } from '../method.ts'
import { statisticsOf } from './tiny-block.ts'

export interface Fixture {
  readonly layers: ReadonlyMap<string, TensorF32>
  readonly statistics: ReturnType<typeof statisticsOf>
}

export interface FixtureSpec {
  readonly seed?: string
  /** Rows of each matrix. */
  readonly rows?: readonly number[]
  readonly width?: number
  readonly tokens?: number
  /** Input columns that are 0 on every token. */
  readonly dead?: readonly number[]
}

/**
 * Matrices behind one input that is like a language model's: neighbouring channels are correlated, every 16th is 12 times
 * as wide, and a few weights are heavy.
 */
export function layerFixture(spec: FixtureSpec = {}): Fixture {
  const { seed = 'layers', rows = [24, 16], width = 64, tokens = 160, dead = [] } = spec
  const rng = createRng(seed)
  const x = new Float64Array(tokens * width)
  for (let t = 0; t < tokens; t++) {
    let before = rng.normal()
    for (let i = 0; i < width; i++) {
      before = 0.6 * before + 0.8 * rng.normal()
      x[t * width + i] = dead.includes(i) ? 0 : before * (i % 16 === 3 ? 12 : 1)
    }
  }
  const matrix = (out: number): TensorF32 => {
    const heavy = () => (rng.uniform() < 0.02 ? 6 : 1)
    return {
      dtype: 'f32',
      shape: [out, width],
      data: Float32Array.from({ length: out * width }, () => 0.05 * heavy() * rng.normal()),
    }
  }
  const layers = new Map(rows.map((out, k) => [`layer${k}`, matrix(out)] as const))
  return { layers, statistics: statisticsOf({ width, data: x }, 4) }
}

/** `tr(ΔW G ΔWᵀ)`: the summed squared error of the layer's output. */
export function layerError(before: TensorF32, after: TensorF32, gram: Float64Array): number {
  const [rows, cols] = before.shape as [number, number]
  let total = 0
  const delta = new Float64Array(cols)
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < cols; j++) delta[j] = after.data[r * cols + j]! - before.data[r * cols + j]!
    for (let i = 0; i < cols; i++) for (let j = 0; j < cols; j++) total += delta[i]! * gram[i * cols + j]! * delta[j]!
  }
  return total
}

/** Only the named statistics, and copies of them. */
export function pick(statistics: Statistics, names: readonly (keyof Statistics)[]): Statistics {
  const { tokens, sequences } = statistics
  const chosen = names.map(name => [name, structuredClone(statistics[name])])
  return { tokens, sequences, ...Object.fromEntries(chosen) }
}
