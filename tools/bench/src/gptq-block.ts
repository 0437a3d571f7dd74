/**
 * What GPTQ's arithmetic costs for one block of SmolLM2-135M, by part: random weights, Grams as ill-conditioned as those of
 * real activations. CPU milliseconds, the least of several runs, all threads together; then the same as wall time.
 *
 *   node --conditions=@sinter/source tools/bench/src/gptq-block.ts [threads = 2] [runs = 5]
 */
import { type Compute, columnSolve, createCompute, createRng, gemm, matrix, prepareHessian } from '@sinter/tensor-core'

const groups = [
  { name: 'q k v', width: 576, rows: [576, 192, 192] },
  { name: 'o', width: 576, rows: [576] },
  { name: 'gate up', width: 576, rows: [1536, 1536] },
  { name: 'down', width: 1536, rows: [576] },
]

/** GPTQ's defaults. */
const quantize = {
  bits: 4,
  groupSize: 64,
  symmetric: true,
  symmetricRange: 'signed',
  groups: 'static',
  range: 'mse',
  weighted: true,
  norm: 2,
  grid: 40,
  steps: 15,
} as const

const rng = createRng('gptq-block')
const normals = (count: number, scale = 1) => Float64Array.from({ length: count }, () => scale * rng.normal())

/** Σ x xᵀ of inputs that share few directions, with channels up to thousands of times as strong as others. */
async function illConditioned(width: number): Promise<Float64Array> {
  const tokens = width + 64
  const x = matrix(tokens, width, normals(tokens * width, 0.3))
  const shared = await gemm(matrix(tokens, 16, normals(tokens * 16)), matrix(16, width, normals(16 * width)))
  const strength = Float64Array.from({ length: width }, () => Math.exp(1.5 * rng.normal()))
  x.data.forEach((value, i) => {
    x.data[i] = (value + shared.data[i]!) * strength[i % width]!
  })
  return (await gemm(x, x, { transA: true })).data
}

interface Cost {
  cpu: number
  wall: number
}

const costs = new Map<string, Cost>()

async function measured<T>(part: string, run: () => T | Promise<T>): Promise<T> {
  const [cpu, wall] = [process.cpuUsage(), performance.now()]
  const result = await run()
  const { user, system } = process.cpuUsage(cpu)
  const cost = { cpu: (user + system) / 1e3, wall: performance.now() - wall }
  const least = costs.get(part) ?? cost
  costs.set(part, { cpu: Math.min(least.cpu, cost.cpu), wall: Math.min(least.wall, cost.wall) })
  return result
}

async function runGroup(name: string, width: number, rows: readonly number[], runs: number, compute: Compute) {
  const gram = await illConditioned(width)
  const weights = rows.map(out => ({
    dtype: 'f32' as const,
    shape: [out, width],
    data: Float32Array.from(normals(out * width, 0.02)),
  }))
  let loss = 0
  for (let run = 0; run < runs; run++) {
    const hessian = await measured(`${name}: Hessian`, () => prepareHessian(gram, width, { actOrder: true }, compute))
    const solved = await measured(`${name}: solve`, async () => {
      const all = []
      for (const weight of weights) all.push(await columnSolve(weight, hessian, { quantize }, compute))
      return all
    })
    loss = solved.reduce((sum, one) => sum + one.loss.reduce((rows, row) => rows + row, 0), 0)
  }
  console.log(`${name.padEnd(18)} loss ${loss}`)
}

const [threads = 2, runs = 5] = process.argv.slice(2).map(Number)
const compute = createCompute({ threads })
for (const { name, width, rows } of groups) await runGroup(name, width, rows, runs, compute)
await compute.pool.close()
const total = { cpu: 0, wall: 0 }
for (const [part, { cpu, wall }] of costs) {
  total.cpu += cpu
  total.wall += wall
  console.log(`${part.padEnd(18)} ${cpu.toFixed(0).padStart(6)} ms CPU ${wall.toFixed(0).padStart(6)} ms`)
}
console.log(`${'block'.padEnd(18)} ${total.cpu.toFixed(0).padStart(6)} ms CPU ${total.wall.toFixed(0).padStart(6)} ms`)
