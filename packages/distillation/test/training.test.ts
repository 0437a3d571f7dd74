import { fileURLToPath } from 'node:url'
import {
  adamw,
  createLearner,
  crossEntropy,
  everyToken,
  noDecayOnVectors,
  type Objective,
  openModel,
  train,
} from '@sinter/model'
import { readGolden } from '@sinter/model/testing'
import { ortNodeBackend, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { softLabels } from '../src/index.ts'

const folder = new URL('./fixtures/training/', import.meta.url)

// 10 steps of a reference system: AdamW, decay 0.1 on matrices, clipped to 1, cosine with 2 steps of warm-up.
test.each<[string, Objective]>([
  ['full_training', crossEntropy],
  ['distillation', softLabels({ alpha: 0.5, temperature: 2 })],
])('the recorded trajectory of %s', async (name, objective) => {
  const golden = readGolden(new URL(`${name}.safetensors`, folder))
  const student = await openModel(fileURLToPath(new URL('student', folder)))
  const teacher = await openModel(fileURLToPath(new URL('teacher', folder)))
  const backend = ortNodeBackend({ threads: 1 })
  const parameters = new Map<string, TensorF32>()
  for (const stored of student.source.names()) {
    const { shape, data } = toF32(await student.source.read(stored))
    parameters.set(stored, { dtype: 'f32', shape, data: data.slice() })
  }
  const learner = createLearner(student, { backend, objective, parameters, teacher })
  const ids = golden.tensor('input_ids').data as Int32Array
  const batch = (step: number): Tensor => ({
    dtype: 'i32',
    shape: [2, 16],
    data: ids.slice(32 * step, 32 * (step + 1)),
  })
  const losses: number[] = []
  for await (const event of train({
    learner,
    parameters,
    optimizer: adamw,
    optimizerOptions: adamw.options.parse({ weightDecay: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 }) as never,
    groups: [noDecayOnVectors],
    learningRate: 0.005,
    schedule: step => (step < 2 ? step / 2 : 0.5 * (1 + Math.cos((Math.PI * (step - 2)) / 8))),
    steps: 10,
    clip: 1,
    batches: async step => [everyToken(batch(step))],
  }))
    if (event.type === 'step') losses.push(event.terms.loss!)
  for (const [i, loss] of golden.f64('losses').entries()) expect(Math.abs(losses[i]! - loss) / loss).toBeLessThan(1e-4)
  for (const [stored, { data }] of parameters) {
    const recorded = golden.f64(`final.${stored}`)
    expect(
      recorded.reduce((worst, v, i) => Math.max(worst, Math.abs(v - data[i]!)), 0),
      stored,
    ).toBeLessThan(1e-3)
  }
  await learner.close()
  await backend.close()
  await student.close()
  await teacher.close()
})
