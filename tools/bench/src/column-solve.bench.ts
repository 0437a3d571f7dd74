/**
 * Is WebAssembly SIMD worth having for the column solver? Compares it with the same work in plain typed-array loops:
 *
 *   node --conditions=@sinter/source tools/bench/src/column-solve.bench.ts
 *
 * One thread of an AMD EPYC (Zen 4) that other jobs shared, Node 24.21, f64, best of nine:
 *
 *   product [128, 448] [448, 3072]      plain 1.65   SIMD 13.4 GFLOP/s
 *   product [128, 1408] [1408, 576]     plain 1.73   SIMD 15.1
 *   product [576, 576] [576, 576]       plain 1.66   SIMD 11.0
 *   solver block [3072, 128]            plain 1.07   SIMD  1.8   (rounding, range fits and layout included)
 *
 * 4 × 4 register tiles in TypeScript reach 3.8 on the products. The kernels stay.
 */
import { columnSolve, createRng, defaultCompute, gemm, type Matrix, matrix, prepareHessian } from '@sinter/tensor-core'

const rng = createRng('bench')
const normals = (count: number) => Float64Array.from({ length: count }, rng.normal)

/** Best of several runs, in seconds: the least disturbed one. */
async function best(run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 9; i++) {
    const start = performance.now()
    await run()
    least = Math.min(least, performance.now() - start)
  }
  return least / 1e3
}

/** Row by row, the inner loop along both rows: what the compiler of the engine likes best among simple loops. */
function plainGemm(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.cols)
  for (let i = 0; i < a.rows; i++)
    for (let k = 0; k < a.cols; k++) {
      const factor = a.data[i * a.cols + k]!
      for (let j = 0, to = i * c.cols, from = k * b.cols; j < b.cols; j++) c.data[to + j]! += factor * b.data[from + j]!
    }
  return c
}

/** One block of GPTQ as it is usually written: fit a group, round a column, push its error along the row. */
function plainSolve(
  weight: Float32Array,
  rows: number,
  width: number,
  lower: Float64Array,
  group: number,
): Float64Array {
  const out = Float64Array.from(weight)
  const upper = new Float64Array(width * width)
  for (let i = 0; i < width; i++) for (let k = 0; k < width; k++) upper[i * width + k] = lower[k * width + i]!
  for (let r = 0; r < rows; r++) {
    const row = out.subarray(r * width, (r + 1) * width)
    let scale = 1
    for (let i = 0; i < width; i++) {
      if (i % group === 0) scale = row.subarray(i, i + group).reduce((max, w) => Math.max(max, Math.abs(w)), 1e-9) / 7.5
      const value = scale * Math.max(-8, Math.min(7, Math.round(row[i]! / scale)))
      const error = (row[i]! - value) / upper[i * width + i]!
      for (let k = i + 1, at = i * width + k; k < width; k++) row[k]! -= error * upper[at++]!
      row[i] = value
    }
  }
  return out
}

async function products(): Promise<void> {
  for (const [m, k, n] of [
    [128, 448, 3072],
    [128, 1408, 576],
    [576, 576, 576],
  ] as const) {
    const a = matrix(m, k, normals(m * k))
    const b = matrix(k, n, normals(k * n))
    const flops = 2 * m * k * n
    report(`product [${m}, ${k}] [${k}, ${n}]`, flops, await best(() => plainGemm(a, b)), await best(() => gemm(a, b)))
  }
}

async function blocks(): Promise<void> {
  const compute = defaultCompute()
  const [rows, width] = [3072, 128]
  const x = matrix(512, width, normals(512 * width))
  const { data } = await gemm(x, x, { transA: true })
  const prepared = await prepareHessian(data, width, {}, compute)
  const weight = Float32Array.from(normals(rows * width))
  const quantize = { bits: 4, symmetric: true, groupSize: 64 }
  const plain = await best(() => plainSolve(weight, rows, width, prepared.lower, 64))
  const simd = await best(() => columnSolve({ shape: [rows, width], data: weight }, prepared, { quantize }, compute))
  report(`solver block [${rows}, ${width}], 4 bits, groups of 64`, rows * width * width, plain, simd)
}

function report(name: string, flops: number, plain: number, simd: number): void {
  const rate = (seconds: number) => (flops / seconds / 1e9).toFixed(2).padStart(7)
  console.log(`${name.padEnd(52)} plain ${rate(plain)}   SIMD ${rate(simd)} GFLOP/s   ${(plain / simd).toFixed(1)}x`)
}

await products()
await blocks()
