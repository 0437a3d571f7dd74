import type { Compute, Matrix } from './compute.ts'
import { borrow } from './kernels/shared-memory.ts'
import { NotPositiveDefiniteError } from './linalg/cholesky.ts'
import { lowerFactorOfInverseInPlace } from './linalg/inverse-factor.ts'
import { matrix } from './linalg/matrix.ts'
import { argsort } from './select.ts'

export interface HessianOptions {
  /** Added to the diagonal, as a share of its mean. */
  readonly damping?: number
  /** Solve columns with a large diagonal first (act-order of GPTQ). */
  readonly actOrder?: boolean
  /** Runs of so many columns that act-order keeps together: runs by the largest diagonal in them, then their columns. */
  readonly together?: number
  /** Another order of columns, a permutation: position → original column. */
  readonly order?: Int32Array
  /** Dead columns count as 1 on the diagonal, as in the reference code, whatever the scale of H. Default: as the mean of the live. */
  readonly compatible?: boolean
}

/** What the column solver needs of H: made once for all matrices that share an input. */
export interface PreparedHessian {
  readonly width: number
  /** What it was made of, H [d, d] in the original order, without damping. */
  readonly gram: Float64Array
  /** Position → original column. */
  readonly order: Int32Array
  /** Uᵀ [d, d] with H_damped⁻¹ = Uᵀ U, U upper, in solving order. */
  readonly lower: Float64Array
  /** Marks, by original column, the inputs that were always zero (H_jj = 0). */
  readonly dead: Uint8Array
  /** What was added to the diagonal in the end, as a share of its mean. */
  readonly damping: number
  /** How often the damping had to be raised before the factorization went through. */
  readonly rescues: number
  /** Lends `lower`'s memory to others. It must not be used afterwards. */
  release(): void
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
  const { damping = 0.01, actOrder = false, compatible = false, together } = options
  checkHessian(hessian, width)
  const { diagonal, dead } = diagonalOf(hessian, width, compatible)
  const order = options.order ? checkOrder(options.order, width) : orderOf(diagonal, actOrder, together)
  const mean = diagonal.reduce((sum, h) => sum + h, 0) / width
  const loan = borrow(compute.pool)
  const h = matrix(width, width, loan.floats(width * width))
  for (let rescues = 0, share = damping; ; rescues++, share = share > 0 ? share * 10 : 0.01) {
    compute.signal?.throwIfAborted()
    permute(hessian, diagonal, order, share * mean, h)
    if (await factored(h, compute, rescues < mostRescues))
      return { width, gram: hessian, order, lower: h.data, dead, damping: share, rescues, release: loan.end }
  }
}

/** Whether the factorization went through; when it did not and may not be tried again, its error. */
async function factored(h: Matrix, compute: Compute, again: boolean): Promise<boolean> {
  try {
    await lowerFactorOfInverseInPlace(h, compute)
    return true
  } catch (error) {
    if (again && error instanceof NotPositiveDefiniteError) return false
    throw error
  }
}

function checkHessian(hessian: Float64Array, width: number): void {
  if (hessian.length !== width * width)
    throw new RangeError(`Hessian: expected [${width}, ${width}], got ${hessian.length} numbers`)
  // x − x is 0 for every finite x, and so is a sum of zeros.
  let strange = 0
  for (let i = 0; i < hessian.length; i++) strange += hessian[i]! - hessian[i]!
  if (strange === 0) return
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

function orderOf(diagonal: Float64Array, actOrder: boolean, together: number | undefined): Int32Array {
  if (!actOrder) return Int32Array.from(diagonal, (_, i) => i)
  const order = argsort(diagonal, { descending: true })
  if (together === undefined) return order
  // Runs come in the order of their first column, which is their largest; a sort that is stable keeps the columns'.
  const runs = new Map<number, number[]>()
  for (const column of order) {
    const run = Math.floor(column / together)
    const columns = runs.get(run)
    if (columns) columns.push(column)
    else runs.set(run, [column])
  }
  return Int32Array.from([...runs.values()].flat())
}

function checkOrder(order: Int32Array, width: number): Int32Array {
  if (order.length !== width || new Set(order).size !== width || order.some(i => i < 0 || i >= width))
    throw new RangeError(`Hessian: order must be a permutation of 0 … ${width - 1}`)
  return order
}

/** The lower triangle of the damped Hessian in the reverse of the solving order. */
function permute(hessian: Float64Array, diagonal: Float64Array, order: Int32Array, added: number, to: Matrix): void {
  const { data, rows: width } = to
  const reversed = Int32Array.from(order).reverse()
  for (let r = 0; r < width; r++) {
    const from = hessian.subarray(reversed[r]! * width, (reversed[r]! + 1) * width)
    const at = r * width
    for (let c = 0; c < r; c++) data[at + c] = from[reversed[c]!]!
    data[at + r] = diagonal[reversed[r]!]! + added
  }
}
