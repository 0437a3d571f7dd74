import { descendScale } from './descend.ts'
import { type FitPlan, fitLength, type Weighing } from './fit-plan.ts'
import { codesOfFit, type Fits } from './fits.ts'
import type { Fitter, SubBlocks } from './fitter.ts'
import { clamp, nearestInt } from './nearest-int.ts'
import { searchScale, signedSteps } from './search-scale.ts'
import { gridSteps, searchScaleMin } from './search-scale-min.ts'

const { fround, abs, sqrt } = Math

const weights = new Float32Array(32)

/**
 * ggml's arithmetic, operation by operation in f32: what the kernels are held against, and what runs where WebAssembly has no SIMD.
 * 1 to 5 million values a second.
 */
export const plainFitter: Fitter = {
  fit(plan, blocks, fits) {
    const length = fitLength(plan)
    const search = searchOf(plan)
    for (let sub = 0; sub < blocks.values.length / length; sub++) search(blocks, sub, fits)
  },
  round(values, { steps, mins, length, least, most }, codes) {
    for (let sub = 0; sub < steps.length; sub++)
      for (let i = sub * length; i < (sub + 1) * length; i++) {
        const level = fround(fround(values[i]! + mins[sub]!) / steps[sub]!)
        codes[i] = clamp(nearestInt(level), least, most) - least
      }
  },
  codes(values, fits, limits, codes) {
    for (let sub = 0; sub < values.length / limits.length; sub++)
      codesOfFit(fits, sub, values, sub * limits.length, codes, sub * limits.length, limits)
  },
  addSquares(values, sum) {
    for (let i = 0; i < values.length; i++) sum = fround(sum + fround(values[i]! * values[i]!))
    return sum
  },
}

type Search = (blocks: SubBlocks, sub: number, fits: Fits) => void

function searchOf(plan: FitPlan): Search {
  if (plan.kind === 'descend') return ({ values }, sub, fits) => descendScale(values, 16 * sub, fits, sub)
  const length = fitLength(plan)
  if (plan.kind === 'scale-min') {
    const steps = gridSteps(plan.search)
    return (blocks, sub, fits) => {
      weigh(plan.weighing, blocks, sub, length)
      searchScaleMin(blocks.values, sub * length, weights, plan.search, steps, fits, sub)
    }
  }
  const steps = signedSteps(plan.most)
  return (blocks, sub, fits) => {
    weigh(plan.weighing, blocks, sub, length)
    fits.weights[sub] = weights.subarray(0, length).reduce((sum, weight) => fround(sum + weight), 0)
    searchScale(blocks.values, sub * length, length, weights, steps, fits, sub)
  }
}

function weigh(weighing: Weighing, { values, importance, variances }: SubBlocks, sub: number, length: number): void {
  const from = sub * length
  const spread = weighing === 'spread' ? meanRoot(values, from, length) : 0
  for (let i = 0; i < length; i++) {
    const x = values[from + i]!
    if (weighing === 'spread') weights[i] = spread + abs(x)
    else if (weighing === 'magnitude') weights[i] = abs(x)
    else if (weighing === 'square') weights[i] = x * x
    else if (weighing === 'importance') weights[i] = importance![from + i]!
    else weights[i] = importance![from + i]! * fround(sqrt(fround(variances![sub]! + fround(x * x))))
  }
}

function meanRoot(values: Float32Array, from: number, length: number): number {
  let sum = 0
  for (let i = from; i < from + length; i++) sum = fround(sum + fround(values[i]! * values[i]!))
  return fround(sqrt(fround(sum / length)))
}
