import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import {
  createDataset,
  createLearner,
  crossEntropy,
  type Dataset,
  type Documents,
  type Learner,
  type Model,
  noDecayOnVectors,
  openDocuments,
  openModel,
  overlayWeights,
  SinterError,
  scheduleOf,
  splitDocuments,
  type TrainEvent,
  type TrainSetup,
  type TrainTokens,
  train,
} from '@sinter/model'
import { softLabels } from '@sinter/distillation'
import { ortNodeBackend } from '@sinter/tensor-core'
import { EventQueue } from '../run/event-queue.ts'
import { openRunFolder } from '../run/run-folder.ts'
import { modelFiles } from '../run/fingerprint.ts'
import { backboneWeights } from './backbone.ts'
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import { backboneOf, methodOf, optimizerFor, type TrainRecipe } from './train-recipe.ts'
import { writeTrained } from './write-trained.ts'

export interface TrainOptions {
  /** Folder or file to make. It appears when it is complete. */
  readonly out: string
  readonly resume?: boolean
  readonly threads: number
  readonly signal?: AbortSignal | undefined
  /** What `-` reads. */
  readonly input?: AsyncIterable<Uint8Array>
}

export type TrainRunEvent =
  | {
      readonly type: 'started'
      readonly steps: number
      readonly resumedAt: number
      readonly documents: number
      readonly rows: number
      readonly trained: number
      readonly parameters: number
    }
  | TrainEvent
  | { readonly type: 'saved'; readonly step: number }
  | { readonly type: 'progress'; readonly stage: string; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly type: 'done'; readonly result: TrainResult }

export interface TrainResult {
  readonly path: string
  readonly steps: number
  readonly tokens: number
  readonly seconds: number
  /** Held-out terms before the first step and after the last, when something was held out. */
  readonly before?: Readonly<Record<string, number>>
  readonly after?: Readonly<Record<string, number>>
  readonly losses: readonly number[]
}

/** Where a training run keeps what it needs to go on. */
export const trainFolder = (out: string): string => `${resolve(out)}.sinter-run`

/**
 * Trains by a recipe and writes the result. Every `saveEvery` steps the state is made durable; killed anywhere, the same call with
 * `resume` gives the same bytes.
 */
export async function* trainModel(
  recipe: TrainRecipe,
  options: TrainOptions,
): AsyncGenerator<TrainRunEvent, TrainResult> {
  const queue = new EventQueue<TrainRunEvent>()
  const result = yield* queue.until(run(recipe, options, event => queue.push(event)))
  yield { type: 'done', result }
  return result
}

type Emit = (event: TrainRunEvent) => void

async function run(recipe: TrainRecipe, options: TrainOptions, emit: Emit): Promise<TrainResult> {
  if (recipe.model === undefined) throw new SinterError('recipe', 'recipe: model: which model is trained? Name it')
  const model = await openModel(recipe.model)
  try {
    const documents = await readDocuments(model, recipe, options, emit)
    try {
      const folder = await openRunFolder(
        trainFolder(options.out),
        await fingerprintOf(recipe, documents),
        options.resume ?? false,
      )
      try {
        const result = await trainIn(folder.path, model, documents, recipe, options, emit)
        await folder.remove()
        return result
      } finally {
        await folder.close()
      }
    } finally {
      await documents.close()
    }
  } finally {
    await model.close()
  }
}

function readDocuments(model: Model, { data }: TrainRecipe, options: TrainOptions, emit: Emit): Promise<Documents> {
  const { tokenizer } = model
  if (!tokenizer)
    throw new SinterError('tokenizer', `${model.path} has no tokenizer: text cannot be read without one; add tokenizer.json`)
  const { format, separator, textField, promptField, completionField, skipEmpty } = data
  return openDocuments(data.path, {
    tokenizer,
    format,
    separator,
    textField,
    promptField,
    completionField,
    skipEmpty,
    signal: options.signal,
    ...(options.input && { input: options.input }),
    onProgress: (done, total) => emit({ type: 'progress', stage: 'read', done, total, unit: 'bytes' }),
  })
}

/** The version of what training writes: raised when the same recipe would give other bytes. */
const TRAIN_VERSION = 1

async function fingerprintOf(recipe: TrainRecipe, documents: Documents): Promise<string> {
  const { output: _, data, ...rest } = recipe
  const { path: __, ...reading } = data
  const hash = createHash('sha256').update(JSON.stringify([TRAIN_VERSION, rest, reading, documents.fingerprint]))
  for (const path of [recipe.model!, ...(recipe.teacher ? [recipe.teacher] : [])])
    for (const [name, size, time] of await modelFiles(path)) hash.update(`${name}:${size}:${time};`)
  return hash.digest('hex')
}

async function trainIn(
  folder: string,
  original: Model,
  documents: Documents,
  recipe: TrainRecipe,
  options: TrainOptions,
  emit: Emit,
): Promise<TrainResult> {
  const started = performance.now()
  const { training, heldOut } = await datasets(documents, recipe)
  const steps = recipe.steps ?? Math.ceil((recipe.epochs! * training.stepsPerEpoch) / recipe.accumulate)
  const backbone = backboneOf(recipe)
  const frozen = backbone ? await backboneWeights(original, backbone) : new Map()
  const model = frozen.size > 0 ? original.over(overlayWeights(original.source, frozen)) : original
  const { method, options: methodOptions } = methodOf(recipe)
  const setup = await method.setUp(model, methodOptions, { seed: recipe.seed })
  const teacher = recipe.teacher === undefined ? undefined : await openModel(recipe.teacher)
  const backend = ortNodeBackend({ threads: options.threads })
  const learner = createLearner(model, {
    backend,
    objective: teacher ? softLabels(recipe.loss ?? {}) : crossEntropy,
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    documents: true,
    teacher,
    ...(setup.constants && { constants: setup.constants }),
  })
  try {
    const state = await loadCheckpoint(folder, setup.parameters)
    emit({
      type: 'started',
      steps,
      resumedAt: state?.step ?? 0,
      documents: documents.count,
      rows: training.rows,
      trained: [...setup.parameters.values()].reduce((sum, { data }) => sum + data.length, 0),
      parameters: original.source.names().reduce((sum, name) => sum + size(original, name), 0),
    })
    const before = state || !heldOut ? undefined : await learner.evaluate(heldOut)
    if (before) emit({ type: 'evaluated', step: 0, terms: before, best: false })
    const sum = await loop({ folder, learner, setup, training, heldOut, steps, state, recipe, options, emit })
    const out = await writeTrained(original, setup, frozen, recipe, {
      out: options.out,
      signal: options.signal,
      onProgress: (done, total) => emit({ type: 'progress', stage: 'write', done, total, unit: 'tensors' }),
    })
    const seconds = (performance.now() - started) / 1000
    return { path: out, steps, seconds, ...sum, ...(before && { before }) }
  } finally {
    await learner.close()
    await backend.close()
    await teacher?.close()
  }
}

const size = (model: Model, name: string) => model.source.info(name).shape.reduce((n, d) => n * d, 1)

async function datasets(documents: Documents, { data, batch, seed }: TrainRecipe) {
  const { length, packing } = data
  const split = data.heldOut > 0 && documents.count > 1 ? splitDocuments(documents, { fraction: data.heldOut, seed }) : undefined
  const layout = { length, packing, seed, batch }
  const training = await createDataset(documents, { ...layout, ...(split && { documents: split.train }) })
  if (!split) return { training, heldOut: undefined }
  const held = await createDataset(documents, { ...layout, documents: split.heldOut })
  const batches = Math.min(held.stepsPerEpoch, Math.ceil(data.heldOutRows / batch))
  const heldOut: TrainTokens[] = []
  for (let i = 0; i < batches; i++) heldOut.push(await tokensOf(held, i))
  return { training, heldOut }
}

async function tokensOf(dataset: Dataset, step: number): Promise<TrainTokens> {
  const { ids, weights, segments } = await dataset.batch(step)
  return { ids, weights, documents: segments }
}

interface Loop {
  readonly folder: string
  readonly learner: Learner
  readonly setup: TrainSetup
  readonly training: Dataset
  readonly heldOut: readonly TrainTokens[] | undefined
  readonly steps: number
  readonly state: Awaited<ReturnType<typeof loadCheckpoint>>
  readonly recipe: TrainRecipe
  readonly options: TrainOptions
  readonly emit: Emit
}

async function loop(job: Loop): Promise<Pick<TrainResult, 'tokens' | 'losses' | 'after'>> {
  const { folder, learner, setup, training, heldOut, steps, recipe, options, emit } = job
  const { optimizer, options: optimizerOptions } = optimizerFor(recipe)
  const { accumulate } = recipe
  const saveEvery = recipe.saveEvery ?? Math.max(1, Math.ceil(steps / 20))
  const state = job.state ?? { step: 0, optimizer: new Map(), stale: 0 }
  const losses: number[] = []
  let tokens = 0
  let after: Readonly<Record<string, number>> | undefined
  let saved = state.step
  const events = train({
    learner,
    parameters: setup.parameters,
    optimizer,
    optimizerOptions,
    groups: [noDecayOnVectors],
    learningRate: recipe.learningRate,
    schedule: scheduleOf(recipe.schedule, steps),
    steps,
    clip: recipe.clip,
    batches: async step =>
      Promise.all(Array.from({ length: accumulate }, (_, i) => tokensOf(training, step * accumulate + i))),
    ...(heldOut && { heldOut, evaluateEvery: recipe.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10)) }),
    ...(recipe.patience !== undefined && { patience: recipe.patience }),
    state,
    signal: options.signal,
  })
  const save = async () => {
    await saveCheckpoint(folder, setup.parameters, state)
    saved = state.step
    emit({ type: 'saved', step: saved })
  }
  try {
    for await (const event of events) {
      emit(event)
      if (event.type === 'step') {
        losses.push(event.terms.loss!)
        tokens += event.tokens
      }
      if (event.type === 'evaluated') after = event.terms
      // An evaluation belongs to the state: saving comes after it.
      if (event.type === 'step' && heldOut && isEvaluated(recipe, event.step, steps)) continue
      if (event.type !== 'stopped' && state.step % saveEvery === 0 && state.step > saved) await save()
    }
  } catch (error) {
    // Stopped by the user: nothing that was computed is lost. After another error the last checkpoint is what counts.
    if (options.signal?.aborted && state.step > saved) await save()
    throw error
  }
  return { tokens, losses, ...(after && { after }) }
}

const isEvaluated = (recipe: TrainRecipe, step: number, steps: number): boolean =>
  step === steps || step % (recipe.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10))) === 0
