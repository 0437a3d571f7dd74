/**
 * What a step of each optimizer costs: ns a value for a matrix [2048, 2048] in f32, the least of several steps, one thread.
 *
 *   node --conditions=@sinter/source tools/bench/src/optimizer-step.ts [side = 2048] [steps = 15]
 *
 * An AMD EPYC (Zen 5) that other jobs shared, Node 24.21:
 *
 *   adamw 2.9   amsgrad 3.1   adamw-8bit 10   lion 1.3   adafactor 4.8, with a first moment 5.4 to 6.4   sgd 0.75, with momentum 1.3
 *   rmsprop 2.9   average of weights 0.75   norm and clipping 0.93
 */
import { averageInto, clipGlobalNorm, type Optimizer, optimizers } from '@sinter/model'
import { createRng } from '@sinter/tensor-core'

const [side = 2048, steps = 15] = process.argv.slice(2).map(Number)
const shape = [side, side]
const rng = createRng('optimizer-step')
const parameter = Float32Array.from({ length: side * side }, () => 0.02 * rng.normal())
const gradient = Float32Array.from({ length: side * side }, () => 1e-3 * rng.normal())

function stepper(optimizer: Optimizer, given: object): (step: number) => void {
  const options = optimizer.options.parse(given)
  const state = optimizer.state(shape, options)
  return step => optimizer.step({ parameter, gradient, state, shape, step, learningRate: 1e-4, options })
}

function report(name: string, run: (step: number) => void): void {
  let least = Number.POSITIVE_INFINITY
  for (let step = 1; step <= steps; step++) {
    const start = performance.now()
    run(step)
    least = Math.min(least, performance.now() - start)
  }
  console.log(`${name.padEnd(28)} ${((least * 1e6) / parameter.length).toFixed(2).padStart(6)} ns a value`)
}

const variants: Readonly<Record<string, readonly object[]>> = {
  adamw: [{}, { amsgrad: true }],
  adafactor: [{}, { beta1: 0.9 }],
  sgd: [{}, { momentum: 0.9 }],
}
for (const optimizer of optimizers)
  for (const given of variants[optimizer.name] ?? [{}])
    report(`${optimizer.name} ${Object.keys(given)}`, stepper(optimizer, given))

const average = parameter.slice()
report('average of weights', () => averageInto(average, parameter, 0.001))
report('norm and clipping', () => clipGlobalNorm([gradient], 1e-3))
