import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { softLabels } from '@sinter/distillation'
import type { DocumentKind } from '@sinter/eval/world'
import {
  adamw,
  createLearner,
  createModel,
  crossEntropy,
  type Model,
  makeFolder,
  newTrainerState,
  noDecayOnVectors,
  type Optimizer,
  type Tokenizer,
  type TrainEvent,
  train,
} from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { configOf, type LlamaShape } from './demo-config.ts'
import { initialWeights } from './initial-weights.ts'
import { coolFrom, multiplierOf, type RateShape } from './learning-rate.ts'
import { memorySource } from './memory-source.ts'
import { rowsOfStep } from './training-rows.ts'
import { loadTraining, saveTraining, type Training } from './training-state.ts'

/** What decides the trained bytes, beside the tokenizer. */
export interface RunOptions extends RateShape {
  readonly shape: LlamaShape
  readonly seed: string | number
  readonly shares: Readonly<Record<DocumentKind, number>>
  /** Rows a step, and tokens a row. */
  readonly rows: number
  readonly length: number
  /** The highest. */
  readonly learningRate: number
  readonly weightDecay: number
  /** How long squares of gradients are remembered; a small batch makes them noisy. */
  readonly beta2: number
  /** Share of the divergence from the teacher in the loss, where there is one. */
  readonly alpha?: number
}

export interface RunPlace {
  readonly backend: Backend
  /** Who is learnt from, beside the text. */
  readonly teacher?: Model
  readonly tokenizer: Tokenizer
  /** Where the state is kept. */
  readonly folder: string
  readonly saveEvery: number
  readonly signal?: AbortSignal
}

export const statePath = (folder: string): string => join(folder, 'state.safetensors')

/** Trains from nothing, or from the state that a run with the same options left in the folder. */
export async function* trainRun(options: RunOptions, place: RunPlace): AsyncGenerator<TrainEvent, Training> {
  const { shape, seed, steps, learningRate, weightDecay, beta2, alpha } = options
  const { backend, teacher, tokenizer, folder, saveEvery, signal } = place
  const { steps: _, cooldown: __, ...same } = options
  const run = { key: JSON.stringify(same), coolFrom: coolFrom(options) }
  await makeFolder(folder)
  const path = statePath(folder)
  const training = existsSync(path)
    ? await loadTraining(path, run)
    : { parameters: initialWeights(shape, seed), state: newTrainerState() }
  const { parameters, state } = training
  const model = createModel({ config: configOf(shape), source: memorySource(parameters), path: folder })
  const objective = teacher ? softLabels(alpha === undefined ? {} : { alpha }) : crossEntropy
  const learner = createLearner(model, { backend, objective, parameters, ...(teacher && { teacher }) })
  try {
    const events = train({
      learner,
      parameters,
      state,
      optimizer: adamw as Optimizer,
      optimizerOptions: { ...adamw.options.parse({ beta1: 0.9, beta2, weightDecay }) },
      groups: [noDecayOnVectors],
      learningRate,
      schedule: multiplierOf(options),
      steps,
      clip: 1,
      batches: async step => [rowsOfStep({ ...options, tokenizer }, step)],
      signal,
    })
    for await (const event of events) {
      if (event.type === 'step' && (event.step % saveEvery === 0 || event.step === steps))
        await saveTraining(path, run, training)
      yield event
    }
    return training
  } finally {
    await learner.close()
  }
}
