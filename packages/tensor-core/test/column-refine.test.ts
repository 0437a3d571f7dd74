import { describe, expect, test } from 'vitest'
import { columnSolve, createCompute, createRng, defaultCompute, prepareHessian, refineColumns } from '../src/index.ts'

const compute = defaultCompute()

function correlated(rows: number, cols: number, seed = 1) {
  const rng = createRng(seed)
  const weight = { shape: [rows, cols], data: Float32Array.from({ length: rows * cols }, () => rng.normal()) }
  const hessian = new Float64Array(cols * cols)
  for (let t = 0; t < 2 * cols; t++) {
    const common = rng.normal()
    const x = Float64Array.from({ length: cols }, (_, i) => (rng.normal() + common) * (i % 7 === 0 ? 5 : 1))
    for (let i = 0; i < cols; i++) for (let j = 0; j < cols; j++) hessian[i * cols + j]! += x[i]! * x[j]!
  }
  return { weight, hessian }
}

/** ΔW H_damped ΔWᵀ of a row. */
function rowLoss(weight: Float32Array, solved: Float64Array, hessian: Float64Array, damping: number, row: number) {
  const d = Math.sqrt(hessian.length)
  let mean = 0
  for (let i = 0; i < d; i++) mean += hessian[i * (d + 1)]! / d
  const delta = Float64Array.from({ length: d }, (_, c) => weight[row * d + c]! - solved[row * d + c]!)
  let loss = 0
  for (let i = 0; i < d; i++)
    for (let j = 0; j < d; j++) loss += delta[i]! * delta[j]! * (hessian[i * d + j]! + (i === j ? damping * mean : 0))
  return loss
}

describe('coordinate descent over codes (QuantEase, 2309.01885)', () => {
  const { weight, hessian } = correlated(21, 96)
  const grids = [
    { bits: 3, symmetric: true, groupSize: 32, range: 'fit' },
    { bits: 4, symmetric: false, groupSize: 16 },
    { bits: 2, symmetric: false, zero: 'min', groupSize: 32, range: 'fit' },
  ] as const

  test.each(grids)('%o: no row gets worse, and all together better; the loss is tr(ΔW H ΔWᵀ)', async quantize => {
    const before = await columnSolve(weight, hessian, { quantize, actOrder: true }, compute)
    const after = await refineColumns(weight, before, { bits: quantize.bits, sweeps: 50 }, compute)
    let [total, refined] = [0, 0]
    before.loss.forEach((loss, row) => {
      expect(after.loss[row]!).toBeLessThan(loss * (1 + 1e-9))
      expect(rowLoss(weight.data, after.weight, hessian, 0.01, row) / after.loss[row]!).toBeCloseTo(1, 9)
      total += loss
      refined += after.loss[row]!
    })
    expect(refined).toBeLessThan(total)
    expect(after.quantized!.scales).toEqual(before.quantized!.scales)
  })

  test('when it has come to rest, no single code can be changed for the better', async () => {
    const quantize = grids[0]
    const solved = await columnSolve(weight, hessian, { quantize }, compute)
    const { quantized, weight: levels, loss } = await refineColumns(weight, solved, { bits: 3, sweeps: 1000 }, compute)
    for (const row of [0, 7, 20])
      for (let c = 0; c < 96; c++)
        for (const step of [-1, 1]) {
          const code = quantized!.codes[row * 96 + c]! + step
          if (code < 0 || code > 7) continue
          const other = levels.slice()
          other[row * 96 + c]! += step * quantized!.scales[row * 3 + quantized!.groupOf[c]!]!
          expect(rowLoss(weight.data, other, hessian, 0.01, row)).toBeGreaterThan(loss[row]! * (1 - 1e-9))
        }
  })

  test('H = I: rounding is the best there is, and nothing moves', async () => {
    const unit = new Float64Array(96 * 96)
    for (let i = 0; i < 96; i++) unit[i * 97] = 1
    const solved = await columnSolve(weight, unit, { quantize: grids[0] }, compute)
    const refined = await refineColumns(weight, solved, { bits: 3, sweeps: 5 }, compute)
    expect(refined.quantized!.codes).toEqual(solved.quantized!.codes)
  })

  test('dead inputs stay as they were', async () => {
    const dead = hessian.slice()
    for (let i = 0; i < 96; i++) dead[i * 96 + 5] = dead[5 * 96 + i] = 0
    const solved = await columnSolve(weight, dead, { quantize: grids[1] }, compute)
    const refined = await refineColumns(weight, solved, { bits: 4, sweeps: 5 }, compute)
    for (let r = 0; r < 21; r++) expect(refined.quantized!.codes[r * 96 + 5]).toBe(solved.quantized!.codes[r * 96 + 5])
  })

  test('threads change nothing; more rows than are held at a time', async () => {
    const many = correlated(1100, 32, 3)
    const quantize = { bits: 3, symmetric: true, groupSize: 32 } as const
    const threaded = createCompute({ threads: 3 })
    const solve = async (on: typeof compute) =>
      refineColumns(
        many.weight,
        await columnSolve(many.weight, many.hessian, { quantize }, on),
        { bits: 3, sweeps: 4 },
        on,
      )
    const [alone, together] = [await solve(compute), await solve(threaded)]
    expect(together.quantized!.codes).toEqual(alone.quantized!.codes)
    expect(together.loss).toEqual(alone.loss)
    await threaded.pool.close()
  })

  test('without codes there is nothing to refine', async () => {
    const pruned = await columnSolve(weight, hessian, { sparse: { sparsity: 0.5 } }, compute)
    await expect(refineColumns(weight, pruned, { bits: 4, sweeps: 1 }, compute)).rejects.toThrow('made with `quantize`')
  })
})

describe('columns that stay together in act-order', () => {
  test('runs by their largest diagonal, then their columns', async () => {
    const hessian = new Float64Array(64)
    for (const [i, h] of [3, 1, 9, 2, 4, 8, 5, 7].entries()) hessian[i * 9] = h
    const order = async (options: object) => [...(await prepareHessian(hessian, 8, options, compute)).order]
    expect(await order({ actOrder: true, together: 4 })).toEqual([2, 0, 3, 1, 5, 7, 6, 4])
    expect(await order({ actOrder: true, together: 3 })).toEqual([2, 0, 1, 5, 4, 3, 7, 6])
    expect(await order({ actOrder: true })).toEqual([2, 5, 7, 6, 4, 0, 3, 1])
    expect(await order({ together: 4 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('groups fitted on the way are then runs of neighbours, and lose no more than with static groups', async () => {
    const { weight, hessian } = correlated(40, 128, 4)
    const quantize = { bits: 3, symmetric: true, groupSize: 32, range: 'fit', weighted: true } as const
    const solve = async (options: object) =>
      columnSolve(weight, hessian, { quantize: { ...quantize, ...options }, actOrder: true, together: 32 }, compute)
    const sum = (loss: Float64Array) => loss.reduce((a, b) => a + b, 0)
    const live = await solve({ groups: 'live' })
    expect([...live.quantized!.groupOf]).toEqual(Array.from({ length: 128 }, (_, c) => c >> 5))
    expect(sum(live.loss)).toBeLessThan(1.02 * sum((await solve({ groups: 'static' })).loss))
  })
})
