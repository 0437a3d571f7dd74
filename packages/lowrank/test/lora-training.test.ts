import { fileURLToPath } from 'node:url'
import { adamw, createLearner, crossEntropy, everyToken, openModel, train } from '@sinter/model'
import { readGolden } from '@sinter/model/testing'
import { ortNodeBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { loraA, loraB, loraRewrite } from '../src/index.ts'

const folder = new URL('./fixtures/training/', import.meta.url)
const golden = readGolden(new URL('lora.safetensors', folder))
/**
 * The record's init.*.A hold the same bytes as its final.*.A: they were saved through a view of what training changed. These A
 * were searched for, until ten steps from them ended in final.*.A to 2e-7; losses, norms and final.*.B took no part in it.
 */
const start = readGolden(new URL('lora-start.safetensors', folder))

/** 10 steps of a reference system: rank 4, alpha 8, AdamW, clipped to 1, linear schedule with 2 steps of warm-up. */
test('the recorded LoRA trajectory', async () => {
  const model = await openModel(fileURLToPath(new URL('teacher', folder)))
  const backend = ortNodeBackend({ threads: 1 })
  const parameters = new Map<string, TensorF32>()
  for (const name of golden.names()) {
    const layer = /^final\.(.*)\.A$/.exec(name)?.[1]
    if (!layer) continue
    const a = start.tensor(`${layer}.A`)
    const b = golden.tensor(`final.${layer}.B`)
    parameters.set(loraA(layer), { dtype: 'f32', shape: a.shape, data: Float32Array.from(a.data as Float32Array) })
    parameters.set(loraB(layer), { dtype: 'f32', shape: b.shape, data: new Float32Array(b.data.length) })
  }
  const learner = createLearner(model, {
    backend,
    objective: crossEntropy,
    parameters,
    rewrite: loraRewrite({ rank: 4, alpha: 8, targets: () => true }),
  })
  const ids = golden.tensor('input_ids').data as Int32Array
  const batch = (step: number): Tensor => ({
    dtype: 'i32',
    shape: [2, 16],
    data: ids.slice(32 * step, 32 * (step + 1)),
  })
  const losses: number[] = []
  const norms: number[] = []
  for await (const event of train({
    learner,
    parameters,
    optimizer: adamw,
    optimizerOptions: adamw.options.parse({ weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }) as never,
    learningRate: 0.01,
    schedule: step => (step < 2 ? step / 2 : (10 - step) / 8),
    steps: 10,
    clip: 1,
    batches: async step => [everyToken(batch(step))],
  })) {
    if (event.type !== 'step') continue
    losses.push(event.terms.loss!)
    norms.push(event.gradientNorm)
  }
  for (const [i, loss] of golden.f64('losses').entries()) expect(Math.abs(losses[i]! - loss) / loss).toBeLessThan(1e-5)
  for (const [i, norm] of golden.f64('grad_norms').entries())
    expect(Math.abs(norms[i]! - norm) / norm).toBeLessThan(1e-4)
  for (const [name, { data }] of parameters) {
    const recorded = golden.f64(`final.${name.replace(/\.lora_([AB])\.weight$/, '.$1')}`)
    expect(recorded.reduce((worst, v, i) => Math.max(worst, Math.abs(v - data[i]!)), 0)).toBeLessThan(1e-4)
  }
  await learner.close()
  await backend.close()
  await model.close()
})
