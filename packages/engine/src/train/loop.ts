import { type Learner, noDecayOnVectors, scheduleOf, type TrainerState, type TrainSetup, train } from '@sinter/model'
import { durableTensors, saveCheckpoint } from './checkpoint.ts'
import { type TrainData, tokensOf } from './datasets.ts'
import type { Emit, TrainOptions } from './events.ts'
import type { HistoryFile } from './history.ts'
import { optimizerFor } from './train-parts.ts'
import type { TrainRecipe } from './train-recipe.ts'

export interface TrainJob {
  /** Of the run. */
  readonly folder: string
  readonly learner: Learner
  readonly setup: TrainSetup
  readonly data: TrainData
  readonly steps: number
  readonly state: TrainerState
  readonly history: HistoryFile
  readonly recipe: TrainRecipe
  readonly options: TrainOptions
  readonly emit: Emit
}

/** Takes the steps that are left, and makes the state durable now and then. */
export async function takeSteps(job: TrainJob): Promise<void> {
  const { folder, setup, steps, state, history, recipe, options, emit } = job
  const saveEvery = recipe.saveEvery ?? Math.max(1, Math.ceil(steps / 20))
  let saved = state.step
  const save = async (): Promise<void> => {
    if (state.step === saved) return
    await history.flush()
    await saveCheckpoint(folder, durableTensors(setup), state)
    saved = state.step
    emit({ type: 'saved', step: saved })
  }
  try {
    for await (const event of events(job)) {
      history.add(event)
      emit(event)
      if (event.type === 'stopped') await save()
      else if (event.type === 'step' && event.step % saveEvery === 0) await save()
    }
  } catch (error) {
    // Stopped by the user, between two steps: nothing that was computed is lost. After another error the last checkpoint is
    // what counts.
    if (options.signal?.aborted && error === options.signal.reason) await save()
    throw error
  }
}

function events({ learner, setup, data, steps, state, recipe, options }: TrainJob): ReturnType<typeof train> {
  const { optimizer, options: optimizerOptions } = optimizerFor(recipe)
  const { training, heldOut, answer } = data
  const { accumulate } = recipe
  return train({
    learner,
    parameters: setup.parameters,
    optimizer,
    optimizerOptions,
    groups: [noDecayOnVectors],
    learningRate: recipe.learningRate,
    schedule: scheduleOf(recipe.schedule, steps),
    steps,
    clip: recipe.clip,
    batches: async step => {
      const passes = Array.from({ length: accumulate }, (_, i) => tokensOf(training, step * accumulate + i))
      const batches = await Promise.all(passes)
      return answer ? answer(batches) : batches
    },
    ...(heldOut && { heldOut, evaluateEvery: recipe.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10)) }),
    ...(recipe.patience !== undefined && { patience: recipe.patience }),
    state,
    signal: options.signal,
    hooks: setup,
  })
}
