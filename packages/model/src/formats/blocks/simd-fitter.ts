import type { Kernel } from '@sinter/tensor-core/wasm'
import { descendKernel } from './descend-simd.ts'
import { type FitPlan, fitLength } from './fit-plan.ts'
import type { Fits } from './fits.ts'
import type { Fitter, SubBlocks } from './fitter.ts'
import { compileKernel, kernelMemory, places, sub } from './kernel-memory.ts'
import { plainFitter } from './plain-fitter.ts'
import { codesKernel, roundKernel, squaresKernel } from './round-simd.ts'
import { scaleMinKernel } from './scale-min-simd.ts'
import { scaleKernel } from './scale-simd.ts'
import { signedSteps } from './search-scale.ts'
import { gridSteps } from './search-scale-min.ts'

type Run = (...numbers: number[]) => void

/** Kernels are compiled when they are first needed, and kept by what they were made of. */
const compiled = new Map<string, Run>()

function kernel(made: object, make: () => Kernel): Run {
  const key = JSON.stringify(made)
  const run = compiled.get(key) ?? compileKernel(make())
  compiled.set(key, run)
  return run
}

const floatsAt = (at: number, count: number): Float32Array => new Float32Array(kernelMemory().buffer, at, count)

/** The work in WebAssembly SIMD, at most `KERNEL_VALUES` at a time. One thread's own. */
export const simdFitter: Fitter = {
  fit(plan, blocks, fits) {
    const length = fitLength(plan)
    const { values, importance, variances } = blocks
    const count = values.length / length
    floatsAt(places.values, values.length).set(values)
    if (importance) floatsAt(places.importance, values.length).set(importance)
    if (variances) floatsAt(places.subs + sub.variances, count).set(variances.subarray(0, count))
    const steps = stepsOf(plan)
    floatsAt(places.steps, steps.length).set(steps)
    const run = kernel(plan, () => kernelOf(plan))
    run(places.values, places.importance, places.subs, places.subs + 4 * count)
    for (const name of ['scales', 'mins', 'factors', 'bases', 'weights'] as const)
      fits[name].set(floatsAt(places.subs + sub[name], count))
    repairOdd(plan, blocks, fits, length)
  },
  round(values, { steps, mins, length, least, most }, codes) {
    floatsAt(places.values, values.length).set(values)
    floatsAt(places.subs + sub.scales, steps.length).set(steps)
    floatsAt(places.subs + sub.mins, mins.length).set(mins)
    runOverCodes(
      kernel(['round', length, least, most], () => roundKernel({ length, least, most })),
      values,
      codes,
    )
  },
  codes(values, fits, limits, codes) {
    const count = values.length / limits.length
    floatsAt(places.values, values.length).set(values)
    floatsAt(places.subs + sub.factors, count).set(fits.factors.subarray(0, count))
    floatsAt(places.subs + sub.bases, count).set(fits.bases.subarray(0, count))
    runOverCodes(
      kernel(['codes', limits], () => codesKernel(limits)),
      values,
      codes,
    )
  },
  addSquares(values, sum) {
    const place = floatsAt(places.steps, 4)
    place[0] = sum
    for (let from = 0; from < values.length; from += 8192) {
      const some = values.subarray(from, from + 8192)
      const whole = Math.floor(some.length / 16) * 16
      floatsAt(places.values, whole).set(some.subarray(0, whole))
      kernel(['squares'], squaresKernel)(places.values, places.values + 4 * whole, places.steps)
      if (whole < some.length) place[0] = plainFitter.addSquares(some.subarray(whole), place[0]!)
    }
    return place[0]!
  },
}

function kernelOf(plan: FitPlan): Kernel {
  if (plan.kind === 'scale-min') return scaleMinKernel(plan.weighing, plan.search)
  return plan.kind === 'scale' ? scaleKernel(plan.weighing, plan.length, plan.most) : descendKernel()
}

function stepsOf(plan: FitPlan): Float32Array {
  if (plan.kind === 'scale-min') return gridSteps(plan.search)
  return plan.kind === 'scale' ? signedSteps(plan.most) : new Float32Array(0)
}

function runOverCodes(run: Run, values: Float32Array, codes: Uint8Array): void {
  run(places.values, places.values + 4 * values.length, places.subs, places.codes)
  codes.set(new Uint8Array(kernelMemory().buffer, places.codes, values.length))
}

/** Plain code does again what left the range of a kernel. */
function repairOdd(plan: FitPlan, { values, importance, variances }: SubBlocks, fits: Fits, length: number): void {
  const odd = new Int32Array(kernelMemory().buffer, places.subs + sub.odd, values.length / length)
  for (let s = odd.indexOf(-1); s >= 0; s = odd.indexOf(-1, s + 1)) {
    const of = (all: Float32Array | undefined, per: number): Float32Array | undefined =>
      all?.subarray(s * per, (s + 1) * per)
    const one = { values: of(values, length)!, importance: of(importance, length), variances: of(variances, 1) }
    const { scales, mins, factors, bases, weights } = fits
    const entry = [scales, mins, factors, bases, weights].map(array => array.subarray(s, s + 1))
    const [a, b, c, d, e] = entry as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array]
    plainFitter.fit(plan, one, { scales: a, mins: b, factors: c, bases: d, weights: e })
  }
}
