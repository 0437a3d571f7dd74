import type { TensorF32 } from '@sinter/tensor-core'

/** The plainest method with the same budget: what a method must not be worse than. Written anew, so as to share no mistake. */
export type Baseline =
  /**
   * Round to nearest, symmetric with ±absmax at ±(2^bits − 1)/2, or asymmetric from min to max through 0.
   * Group size -1: a row; 0: the matrix.
   */
  | { readonly kind: 'round'; readonly bits: number; readonly groupSize: number; readonly symmetric: boolean }
  /** Zero the smallest |w| of the matrix. */
  | { readonly kind: 'magnitude'; readonly sparsity: number }
  /** Zero the `zeros` smallest |w| of every `of` inputs. */
  | { readonly kind: 'pattern'; readonly zeros: number; readonly of: number }

export function applyBaseline(weight: TensorF32, baseline: Baseline): TensorF32 {
  const cols = weight.shape[1]!
  const data = Array.from(weight.data)
  if (baseline.kind === 'magnitude')
    return done(weight, withoutSmallest(data, Math.floor(baseline.sparsity * data.length)))
  if (baseline.kind === 'round' && baseline.groupSize === 0) return done(weight, rounded(data, baseline))
  const span = baseline.kind === 'pattern' ? baseline.of : baseline.groupSize < 1 ? cols : baseline.groupSize
  const out: number[] = []
  for (let row = 0; row < data.length; row += cols)
    for (let from = row; from < row + cols; from += span) {
      const run = data.slice(from, Math.min(from + span, row + cols))
      out.push(...(baseline.kind === 'pattern' ? withoutSmallest(run, baseline.zeros) : rounded(run, baseline)))
    }
  return done(weight, out)
}

const done = (weight: TensorF32, data: number[]): TensorF32 => ({ ...weight, data: Float32Array.from(data) })

function withoutSmallest(run: number[], count: number): number[] {
  const gone = run.map((value, k) => [Math.abs(value), k] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const removed = new Set(gone.slice(0, count).map(([, k]) => k))
  return run.map((value, k) => (removed.has(k) ? 0 : value))
}

function rounded(run: number[], { bits, symmetric }: Baseline & { kind: 'round' }): number[] {
  const levels = 2 ** bits - 1
  const absmax = Math.max(...run.map(Math.abs))
  const low = symmetric ? -absmax : Math.min(0, ...run)
  const high = symmetric ? absmax : Math.max(0, ...run)
  if (high === low) return run.map(() => 0)
  const scale = (high - low) / levels
  const zero = symmetric ? 2 ** (bits - 1) : Math.round(-low / scale)
  return run.map(w => scale * (Math.max(0, Math.min(levels, Math.round(w / scale) + zero)) - zero))
}
