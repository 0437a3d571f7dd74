import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cholesky,
  createRng,
  defaultCompute,
  gemm,
  identity,
  type Matrix,
  matrix,
  NotPositiveDefiniteError,
  pseudoInverse,
  qr,
  solveCholesky,
  solveLower,
  solveUpper,
  svd,
  symmetricEigen,
  transposed,
  upperFactorOfInverse,
} from '../src/index.ts'
import { golden } from './golden.ts'

const reference = golden('linalg/dense')
const compute = defaultCompute()

function ref(name: string): Matrix {
  const { shape, data } = reference[name]!
  return matrix(shape[0]!, shape[1] ?? 1, Float64Array.from(data))
}

const largest = (m: { data: Float64Array }) => m.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0)

/** Largest difference, relative to the largest entry of what is expected. */
function distance(got: Matrix, expected: Matrix): number {
  expect([got.rows, got.cols]).toEqual([expected.rows, expected.cols])
  const difference = got.data.map((x, i) => Math.abs(x - expected.data[i]!))
  return Math.max(...difference) / largest(expected)
}

function random(rows: number, cols: number, seed = 1): Matrix {
  const rng = createRng(seed)
  return matrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => rng.normal()),
  )
}

/** A Gram matrix of n + 20 random vectors: positive definite. */
const spd = async (n: number, seed = 1) => {
  const x = random(n + 20, n, seed)
  return gemm(x, x, { transA: true })
}

/** The definition, in three loops: what everything else is checked against. */
function naive(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.cols)
  for (let i = 0; i < a.rows; i++)
    for (let j = 0; j < b.cols; j++)
      for (let k = 0; k < a.cols; k++) c.data[i * b.cols + j]! += a.data[i * a.cols + k]! * b.data[k * b.cols + j]!
  return c
}

describe('gemm', () => {
  test('equals three loops at every shape around the tile sizes', async () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(127, 128, 129, 255, 256, 257))
    await fc.assert(
      fc.asyncProperty(size, size, size, fc.boolean(), fc.boolean(), async (m, k, n, transA, transB) => {
        const a = random(m, k, 1)
        const b = random(k, n, 2)
        const c = await gemm(transA ? transposed(a) : a, transB ? transposed(b) : b, { transA, transB })
        expect(distance(c, naive(a, b))).toBeLessThan(1e-12)
      }),
      { numRuns: 40 },
    )
  })

  test('sizes that do not fit are refused', async () => {
    await expect(gemm(random(2, 3), random(2, 3))).rejects.toThrow('inner sizes of [2, 3] and [2, 3] differ')
  })
})

describe('against LAPACK and 60-digit references', () => {
  test.each([
    ['cond1e2', 1e-10, 1e-10],
    ['cond1e8', 1e-8, 1e-6],
  ])('%s: Cholesky, the upper factor of the inverse, eigenvalues', async (name, tolerance, inverse) => {
    const a = ref(`${name}.A`)
    expect(distance(await cholesky(a, compute), ref(`${name}.cholesky`))).toBeLessThan(tolerance)
    expect(distance(await upperFactorOfInverse(a, compute), ref(`${name}.inverse_upper`))).toBeLessThan(inverse)
    const { values } = symmetricEigen(a)
    expect(distance(matrix(24, 1, values), ref(`${name}.eigenvalues`))).toBeLessThan(1e-12)
  })

  test('eigenvectors: entry by entry when well separated, by projector when values are close', () => {
    expect(distance(symmetricEigen(ref('cond1e2.A')).vectors, ref('cond1e2.eigenvectors'))).toBeLessThan(1e-10)
    const { values, vectors } = symmetricEigen(ref('cond1e8.A'))
    const expected = ref('cond1e8.eigenvectors')
    const upper = (v: Matrix) => {
      const top = matrix(24, 12)
      for (let r = 0; r < 24; r++) for (let c = 0; c < 12; c++) top.data[r * 12 + c] = v.data[r * 24 + 12 + c]!
      return naive(top, transposed(top))
    }
    expect(values[12]! / values[11]!).toBeGreaterThan(1.5)
    expect(distance(upper(vectors), upper(expected))).toBeLessThan(1e-8)
  })

  test('rank 8 of 24: Cholesky says no, damping brings it through', async () => {
    const a = ref('deficient.A')
    await expect(cholesky(a, compute)).rejects.toThrow(NotPositiveDefiniteError)
    expect(distance(await cholesky(ref('deficient.damped'), compute), ref('deficient.damped_cholesky'))).toBeLessThan(
      1e-10,
    )
    const factor = await upperFactorOfInverse(ref('deficient.damped'), compute)
    expect(distance(factor, ref('deficient.damped_inverse_upper'))).toBeLessThan(1e-10)
    const { values, vectors } = symmetricEigen(a)
    expect(distance(matrix(24, 1, values), ref('deficient.eigenvalues'))).toBeLessThan(1e-12)
    const range = matrix(24, 8)
    for (let r = 0; r < 24; r++) for (let c = 0; c < 8; c++) range.data[r * 8 + c] = vectors.data[r * 24 + 16 + c]!
    expect(distance(naive(range, transposed(range)), ref('deficient.projector'))).toBeLessThan(1e-10)
  })

  test('A X = B by Cholesky', async () => {
    const l = await cholesky(ref('cond1e2.A'), compute)
    expect(distance(await solveCholesky(l, ref('solve.B'), compute), ref('solve.X'))).toBeLessThan(1e-10)
  })

  // The wide one has condition 1e8: its last vectors are defined to about 1e-8 only, by any method.
  test.each([
    ['tall', 1e-10],
    ['wide', 1e-8],
  ])('%s: SVD, QR, pseudo-inverse', async (name, tolerance) => {
    const m = ref(`${name}.M`)
    const { u, s, vt } = await svd(m)
    expect(distance(u, ref(`${name}.U`))).toBeLessThan(tolerance)
    expect(distance(matrix(s.length, 1, s), ref(`${name}.S`))).toBeLessThan(1e-12)
    expect(distance(vt, ref(`${name}.Vt`))).toBeLessThan(tolerance)
    const { q, r } = qr(m)
    expect(distance(q, ref(`${name}.Q`))).toBeLessThan(tolerance)
    expect(distance(r, ref(`${name}.R`))).toBeLessThan(tolerance)
    expect(distance(await pseudoInverse(m), ref(`${name}.pinv`))).toBeLessThan(tolerance)
  })

  test('rank 5 of 14: singular values at rounding level do not enter the pseudo-inverse', async () => {
    const { s } = await svd(ref('rank5.M'))
    expect(distance(matrix(14, 1, s), ref('rank5.S'))).toBeLessThan(1e-12)
    expect(distance(await pseudoInverse(ref('rank5.M')), ref('rank5.pinv'))).toBeLessThan(1e-10)
  })
})

describe('identities beyond the panel size', () => {
  test('L Lᵀ = A and Uᵀ U A = I at sizes around the panel of 64', async () => {
    for (const n of [1, 63, 64, 65, 150]) {
      const a = await spd(n)
      const l = await cholesky(a, compute)
      expect(distance(naive(l, transposed(l)), a)).toBeLessThan(1e-13)
      const u = await upperFactorOfInverse(a, compute)
      expect(distance(naive(naive(transposed(u), u), a), identity(n))).toBeLessThan(1e-10)
      for (let r = 0; r < n; r++) for (let c = 0; c < r; c++) expect(u.data[r * n + c]).toBe(0)
    }
  })

  test('triangular solves give back what was multiplied', async () => {
    const l = await cholesky(await spd(130), compute)
    const x = random(130, 7)
    expect(distance(await solveLower(l, naive(l, x), compute), x)).toBeLessThan(1e-10)
    const u = transposed(l)
    expect(distance(await solveUpper(u, naive(u, x), compute), x)).toBeLessThan(1e-10)
    await expect(solveLower(matrix(2, 2), random(2, 1), compute)).rejects.toThrow('diagonal element 0 is 0')
  })

  test('A V = V diag(values) with orthonormal V', async () => {
    const a = await spd(90)
    const { values, vectors } = symmetricEigen(a)
    const scaled = matrix(
      90,
      90,
      vectors.data.map((x, i) => x * values[i % 90]!),
    )
    expect(distance(naive(a, vectors), scaled)).toBeLessThan(1e-13)
    expect(distance(naive(transposed(vectors), vectors), identity(90))).toBeLessThan(1e-13)
  })

  test('M = U S Vᵀ with orthonormal factors, zero columns included', async () => {
    const m = random(40, 25)
    for (let r = 0; r < 40; r++) m.data[r * 25 + 3] = m.data[r * 25 + 9] = 0
    const { u, s, vt } = await svd(m)
    const us = matrix(
      40,
      25,
      u.data.map((x, i) => x * s[i % 25]!),
    )
    expect(distance(naive(us, vt), m)).toBeLessThan(1e-13)
    expect(distance(naive(transposed(u), u), identity(25))).toBeLessThan(1e-13)
    expect(distance(naive(vt, transposed(vt)), identity(25))).toBeLessThan(1e-13)
    expect(s[23]).toBeLessThan(1e-15 * s[0]!)
  })

  test('what is not finite ends in an error, not in a loop', async () => {
    const bad = matrix(3, 3, new Float64Array(9).fill(Number.NaN))
    await expect(svd(bad)).rejects.toThrow('no convergence')
    expect(() => symmetricEigen(bad)).toThrow('no convergence')
    await expect(cholesky(bad, compute)).rejects.toThrow(NotPositiveDefiniteError)
  })
})
