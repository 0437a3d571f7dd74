import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { worldText } from '@sinter/eval/world'
import { createLearner, crossEntropy, openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { datasetsOf, readDocuments } from '../src/train/datasets.ts'
import { trainFolder } from '../src/train/train-run.ts'
import { at, bytesOf, demoPath, recipeOf, runTraining } from './train-setup.ts'

/** The held-out loss of a model on a disk, as the run would look at it. */
async function heldOutLoss(path: string): Promise<number> {
  const model = await openModel(path)
  const recipe = recipeOf()
  const documents = await readDocuments(model, recipe, { out: '', threads: 1 }, () => {})
  const backend = ortNodeBackend({ threads: 1 })
  const learner = createLearner(model, { backend, objective: crossEntropy, parameters: new Map(), documents: true })
  try {
    return (await learner.evaluate((await datasetsOf(documents, recipe)).heldOut!)).loss!
  } finally {
    await learner.close()
    await backend.close()
    await documents.close()
    await model.close()
  }
}

describe('what is written is what was trained', () => {
  const methods = [
    { name: 'lora', method: { name: 'lora', rank: 4 } },
    { name: 'qlora', method: { name: 'lora', rank: 4 }, backbone: { method: 'nf4' } },
    { name: 'makes-up', method: { name: 'lora', rank: 4, initial: 'error' }, backbone: { method: 'nf4' } },
    { name: 'full', method: { name: 'full' } },
    { name: 'norms', method: { name: 'full', trains: 'norms' }, learningRate: 0.02 },
    { name: 'one-block', method: { name: 'full', blocks: [2] } },
    { name: 'qat', method: { name: 'qat', bits: 4, groupSize: 64 } },
    { name: 'lsq', method: { name: 'lsq', bits: 4, groupSize: 64 } },
    { name: 'peqa', method: { name: 'peqa', bits: 4, groupSize: 64 } },
    { name: 'average', method: { name: 'lora', rank: 4 }, average: { kind: 'last' as const, count: 4 } },
  ]

  test.each(methods)(
    '$name: the loss of the file is the loss of the run, and lower than before',
    async ({ name, ...parts }) => {
      const output = { format: 'hf:f32' }
      const { result } = await runTraining({ ...parts, output }, { out: at(`kept-${name}`) })
      expect(result.path).toBe(at(`kept-${name}`))
      expect(result.after!.loss).toBeLessThan(result.before!.loss! - 0.01)
      expect(await heldOutLoss(result.path)).toBeCloseTo(result.after!.loss!, 4)
      expect(existsSync(trainFolder(result.path))).toBe(false)
    },
  )

  test('an adapter can begin with what rounding took from its backbone, which is nearer to the model', async () => {
    // Text of the model's own world, on which rounding makes it worse.
    const path = at('world.txt')
    const texts = Array.from({ length: 20 }, (_, seed) => worldText({ seed, characters: 1000, half: 'calibration' }))
    await writeFile(path, texts.join('\n\n'))
    const data = { path, separator: '', length: 64, heldOut: 0.2 }
    const before = async (name: string, over: object): Promise<number> =>
      (await runTraining({ ...over, data, steps: 1 }, { out: at(name) })).result.before!.loss!
    const backbone = { method: 'rtn', bits: 2, groupSize: 256 }
    const dense = await before('begins-dense', { method: { name: 'lora', rank: 64 } })
    const zero = await before('begins-zero', { method: { name: 'lora', rank: 64 }, backbone })
    const error = await before('begins-error', { method: { name: 'lora', rank: 64, initial: 'error' }, backbone })
    expect(zero).toBeGreaterThan(dense + 0.01)
    expect(error - dense).toBeLessThan((zero - dense) / 2)
  })

  test('a result says what it was made of', async () => {
    const { result, events } = await runTraining({}, { out: at('facts') })
    expect(result.steps).toBe(12)
    expect(result.losses).toHaveLength(12)
    expect(result.history.steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    expect(result.history.evaluations.map(({ step }) => step)).toEqual([0, 4, 8, 12])
    expect(result.before!.loss).toBeCloseTo(await heldOutLoss(demoPath), 5)
    const adapters = result.trained.reduce((sum, { values }) => sum + values, 0)
    expect(result.trained).toHaveLength(14)
    expect(result.trained[0]).toEqual({
      name: 'model.layers.*.self_attn.q_proj.lora_A.weight',
      tensors: 4,
      values: 4 * 4 * 256,
    })
    expect(events.find(({ type }) => type === 'started')).toMatchObject({
      steps: 12,
      resumedAt: 0,
      documents: 60,
      trained: adapters,
      parameters: 3_410_176,
    })
    expect(result.tokens).toBe(12 * 2 * 48)
    // Of documents that were not trained on.
    expect(result.prompts[0]).toMatch(/^Question: What is \d/)
    const saved = events.flatMap(event => (event.type === 'saved' ? [event.step] : []))
    expect(saved).toEqual([3, 6, 9, 12])
  })
})

describe('going on', () => {
  /** Stops after an event, once, then goes on to the end. */
  async function stoppedAt(name: string, over: object, stop: (event: { type: string; step?: number }) => boolean) {
    const controller = new AbortController()
    const out = at(name)
    const stopped = runTraining(over, { out, signal: controller.signal }, event => {
      if (stop(event as never)) controller.abort()
    })
    await expect(stopped).rejects.toThrow(/abort/i)
    expect(existsSync(trainFolder(out))).toBe(true)
    expect(existsSync(out)).toBe(false)
    return runTraining(over, { out, resume: true })
  }

  test('stopped between checkpoints: the same bytes, and the history of both parts', async () => {
    const whole = await runTraining({}, { out: at('whole') })
    const resumed = await stoppedAt('stopped', {}, ({ type, step }) => type === 'step' && step === 5)
    const started = resumed.events.find(event => event.type === 'started')
    // What was computed when it was told to stop is not lost.
    expect(started).toMatchObject({ resumedAt: expect.toSatisfy(step => step === 5 || step === 6) })
    expect(await bytesOf(at('stopped'))).toEqual(await bytesOf(at('whole')))
    expect(resumed.result.losses).toEqual(whole.result.losses)
    expect(resumed.result.history.evaluations).toEqual(whole.result.history.evaluations)
    expect(resumed.result.before).toEqual(whole.result.before)
    expect(resumed.result.after).toEqual(whole.result.after)
    expect(resumed.result.tokens).toBe(whole.result.tokens)
  })

  test('an adapter that began with an error is not begun again', async () => {
    const over = { method: { name: 'lora', rank: 4, initial: 'error' }, backbone: { method: 'nf4' } }
    await runTraining(over, { out: at('whole-error') })
    await stoppedAt('stopped-error', over, ({ type, step }) => type === 'step' && step === 5)
    expect(await bytesOf(at('stopped-error'))).toEqual(await bytesOf(at('whole-error')))
  })

  test('stopped before a look at the held-out loss: it is made up for', async () => {
    const whole = await runTraining({}, { out: at('whole-2') })
    const resumed = await stoppedAt('looked', {}, ({ type, step }) => type === 'step' && step === 8)
    expect(await bytesOf(at('looked'))).toEqual(await bytesOf(at('whole-2')))
    expect(resumed.result.history.evaluations).toEqual(whole.result.history.evaluations)
  })

  test('stopped while the result is written: no step is taken again', async () => {
    await runTraining({}, { out: at('whole-3') })
    const resumed = await stoppedAt(
      'written',
      {},
      event => event.type === 'progress' && 'stage' in event && event.stage === 'write',
    )
    expect(resumed.events.some(({ type }) => type === 'step')).toBe(false)
    expect(resumed.result.losses).toHaveLength(12)
    expect(await bytesOf(at('written'))).toEqual(await bytesOf(at('whole-3')))
  })

  // A rate that only does harm: no look is lower than the one before the first step.
  const patient = {
    learningRate: 0.5,
    patience: 2,
    evaluateEvery: 1,
    saveEvery: 1,
    schedule: { name: 'constant', warmup: 0 } as const,
  }

  test('patience ends a run, and a run that it ended does not go on', async () => {
    const whole = await runTraining(patient, { out: at('patient') })
    expect(whole.result.steps).toBe(2)
    expect(whole.events).toContainEqual({ type: 'stopped', step: 2, reason: 'patience' })
    const resumed = await stoppedAt(
      'patient-2',
      patient,
      event => event.type === 'progress' && 'stage' in event && event.stage === 'write',
    )
    expect(resumed.result.steps).toBe(2)
    expect(await bytesOf(at('patient-2'))).toEqual(await bytesOf(at('patient')))
  })

  test('an optimizer in pages gives the bytes of one in memory', async () => {
    await runTraining({}, { out: at('in-memory') })
    await runTraining({ pagedOptimizer: true }, { out: at('in-pages') })
    expect(readFileSync(at('in-pages/model.safetensors')).equals(readFileSync(at('in-memory/model.safetensors')))).toBe(
      true,
    )
  })
})
