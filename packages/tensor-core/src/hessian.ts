import type { Compute, Matrix } from './compute.ts'
import { NotPositiveDefiniteError } from './linalg/cholesky.ts'
import { upperFactorOfInverseInPlace } from './linalg/inverse-factor.ts'
import { matrix } from './linalg/matrix.ts'
import { argsort } from './select.ts'

export interface HessianOptions {
  /** Added to the diagonal, as a share of its mean. */
  readonly damping?: number
  /** Solve columns with a large diagonal first (act-order of GPTQ). */
  readonly actOrder?: boolean
  /** Another order of columns, a permutation: position → original column. */
  readonly order?: Int32Array
  /** Dead columns count as 1 on the diagonal, as in the reference code, whatever the scale of H. Default: as the mean of the live. */
  readonly compatible?: boolean
}

/** What the column solver needs of H: made once for all matrices that share an input. */
export interface PreparedHessian {
  readonly width: number
  /** Position → original column. */
  readonly order: Int32Array
  /** Uᵀ [d, d] with H_damped⁻¹ = Uᵀ U, U upper, in solving order. Shared memory when the pool has workers. */
  readonly lower: Float64Array
  /** Marks, by original column, the inputs that were always zero (H_jj = 0). */
  readonly dead: Uint8Array
  /** What was added to the diagonal in the end, as a share of its mean. */
  readonly damping: number
  /** How often the damping had to be raised before the factorization went through. */
  readonly rescues: number
}

/** Each raise is tenfold: from 0.01 the sixth is 10⁴ times the mean, where H is a multiple of the identity to all purposes. */
const mostRescues = 6

/**
 * Orders, damps and factors a Hessian H = Σ x xᵀ [d, d] (any scale, left alone).
 * @throws RangeError for the wrong size or a number that is not finite; NotPositiveDefiniteError when no damping helps
 */
export async function prepareHessian(
  hessian: Float64Array,
  width: number,
  options: HessianOptions,
  compute: Compute,
): Promise<PreparedHessian> {
  const { damping = 0.01, actOrder = false, compatible = false } = options
  checkHessian(hessian, width)
  const { diagonal, dead } = diagonalOf(hessian, width, compatible)
  const order = options.order ? checkOrder(options.order, width) : orderOf(diagonal, actOrder)
  const mean = diagonal.reduce((sum, h) => sum + h, 0) / width
  for (let rescues = 0, share = damping; ; rescues++, share = share > 0 ? share * 10 : 0.01) {
    compute.signal?.throwIfAborted()
    const h = permuted(hessian, diagonal, order, share * mean)
    try {
      await upperFactorOfInverseInPlace(h, compute)
      return { width, order, lower: transposeInto(h, compute.pool.threads > 1), dead, damping: share, rescues }
    } catch (error) {
      if (!(error instanceof NotPositiveDefiniteError) || rescues >= mostRescues) throw error
    }
  }
}

function checkHessian(hessian: Float64Array, width: number): void {
  if (hessian.length !== width * width)
    throw new RangeError(`Hessian: expected [${width}, ${width}], got ${hessian.length} numbers`)
  for (let i = 0; i < hessian.length; i++)
    if (!Number.isFinite(hessian[i]!))
      throw new RangeError(
        `Hessian: element ${i} is ${hessian[i]}; look for NaN or infinity in the calibration activations`,
      )
}

function diagonalOf(hessian: Float64Array, width: number, compatible: boolean) {
  const diagonal = Float64Array.from({ length: width }, (_, i) => hessian[i * width + i]!)
  const dead = Uint8Array.from(diagonal, h => (h > 0 ? 0 : 1))
  const live = diagonal.filter(h => h > 0)
  const filler = compatible || live.length === 0 ? 1 : live.reduce((sum, h) => sum + h, 0) / live.length
  for (let i = 0; i < width; i++) if (dead[i]) diagonal[i] = filler
  return { diagonal, dead }
}

const orderOf = (diagonal: Float64Array, actOrder: boolean): Int32Array =>
  actOrder ? argsort(diagonal, { descending: true }) : Int32Array.from(diagonal, (_, i) => i)

function checkOrder(order: Int32Array, width: number): Int32Array {
  if (order.length !== width || new Set(order).size !== width || order.some(i => i < 0 || i >= width))
    throw new RangeError(`Hessian: order must be a permutation of 0 … ${width - 1}`)
  return order
}

function permuted(hessian: Float64Array, diagonal: Float64Array, order: Int32Array, added: number): Matrix {
  const width = order.length
  const out = matrix(width, width)
  for (let r = 0; r < width; r++) {
    const from = order[r]! * width
    for (let c = 0; c < width; c++) out.data[r * width + c] = hessian[from + order[c]!]!
    out.data[r * width + r] = diagonal[order[r]!]! + added
  }
  return out
}

/** Uᵀ; in place where memory need not be shared. */
function transposeInto({ data, rows: n }: Matrix, shared: boolean): Float64Array {
  const to = shared ? new Float64Array(new SharedArrayBuffer(data.byteLength)) : data
  for (let r = 0; r < n; r++)
    for (let c = r; c < n; c++) {
      const upper = data[r * n + c]!
      to[r * n + c] = r === c ? upper : 0
      to[c * n + r] = upper
    }
  return to
}
