import { resolve } from 'node:path'
import {
  createLearner,
  DivergedError,
  type Documents,
  type Model,
  memoryStates,
  newTrainerState,
  type OptimizerStore,
  openModel,
  pagedStates,
  SinterError,
} from '@sinter/model'
import { type Backend, ortNodeBackend } from '@sinter/tensor-core'
import { EventQueue } from '../run/event-queue.ts'
import { openRunFolder } from '../run/run-folder.ts'
import { checkTraining, checkTrainingSpace } from './check-training.ts'
import { durableTensors, hasCheckpoint, loadCheckpoint } from './checkpoint.ts'
import { datasetsOf, readDocuments, type TrainData } from './datasets.ts'
import { describeDivergence } from './diverged.ts'
import type { Emit, TrainOptions, TrainResult, TrainRunEvent } from './events.ts'
import { openHistory } from './history.ts'
import { takeSteps } from './loop.ts'
import { makeUp } from './make-up.ts'
import { promptsOf } from './prompts.ts'
import { type Subject, setUp } from './subject.ts'
import { isAsked, teacherModels } from './teacher-recipe.ts'
import { openAnswers, type Teaching, teachingOf } from './teaching.ts'
import { fingerprintOf } from './train-fingerprint.ts'
import type { TrainRecipe } from './train-recipe.ts'
import { trainedKinds } from './trained-kinds.ts'
import { writeAdapter } from './write-adapter.ts'
import { writeTrained } from './write-trained.ts'

/** Where a training run keeps what it needs to go on. */
export const trainFolder = (out: string): string => `${resolve(out)}.sinter-run`

/**
 * Trains by a recipe and writes the result. Every `saveEvery` steps the state is made durable; killed anywhere, the same call with
 * `resume` gives the same bytes.
 * @throws SinterError for what can be known before any work, and `diverged` with the step and the tensor; RunError for a run
 * that is in the way or cannot be continued
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

async function run(recipe: TrainRecipe, options: TrainOptions, emit: Emit): Promise<TrainResult> {
  const opened: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(resource: T): T => {
    opened.push(resource)
    return resource
  }
  try {
    if (recipe.model === undefined) throw new SinterError('recipe', 'recipe: model: which model is trained? Name it')
    const model = keep(await openModel(recipe.model))
    const teachers: Model[] = []
    for (const path of teacherModels(recipe.teacher)) teachers.push(keep(await openModel(path)))
    await checkTraining(model, teachers, recipe, options)
    const teaching = teachingOf(model, teachers, recipe)
    const subject = await setUp(model, recipe, teaching.parameters)
    await checkTrainingSpace(model, subject.setup, recipe, options)
    const documents = keep(await readDocuments(model, recipe, options, emit))
    const fingerprint = await fingerprintOf(recipe, documents)
    const folder = keep(await openRunFolder(trainFolder(options.out), fingerprint, options.resume ?? false))
    const optimizer = keep(recipe.pagedOptimizer ? await pagedStates(folder.path) : memoryStates())
    try {
      const job = {
        folder: folder.path,
        model,
        teachers,
        teaching,
        subject,
        documents,
        optimizer,
        recipe,
        options,
        emit,
      }
      const result = await trainIn(job)
      await folder.remove()
      return result
    } catch (error) {
      // Nothing to go on from: the next try need not be asked to.
      if (!(await hasCheckpoint(folder.path))) await folder.remove()
      throw error
    }
  } finally {
    for (const resource of opened.reverse()) await resource.close()
  }
}

interface Job {
  readonly folder: string
  readonly model: Model
  readonly teachers: readonly Model[]
  readonly teaching: Teaching
  readonly subject: Subject
  readonly documents: Documents
  readonly optimizer: OptimizerStore
  readonly recipe: TrainRecipe
  readonly options: TrainOptions
  readonly emit: Emit
}

async function trainIn(job: Job): Promise<TrainResult> {
  const { model, teachers, documents, recipe, options, emit } = job
  const data = await datasetsOf(documents, recipe)
  const steps = recipe.steps ?? Math.ceil((recipe.epochs! * data.training.stepsPerEpoch) / recipe.accumulate)
  if (recipe.teacher === undefined || !isAsked(recipe.teacher)) return trainOn(job, data, steps)
  const passes = steps * recipe.accumulate
  const { answer, close } = await openAnswers({ model, teachers, recipe, data, passes, options, emit })
  try {
    const heldOut = data.heldOut && (await answer(data.heldOut))
    return await trainOn(job, { ...data, ...(heldOut && { heldOut }), answer }, steps)
  } finally {
    await close()
  }
}

async function trainOn(job: Job, data: TrainData, steps: number): Promise<TrainResult> {
  const { folder, model: original, subject, documents, optimizer, recipe, options, emit } = job
  const { setup } = subject
  const { training, heldOut } = data
  const checkpoint = await loadCheckpoint(folder, durableTensors(setup), optimizer)
  const history = await openHistory(folder, checkpoint?.step)
  const state = checkpoint ?? newTrainerState(optimizer)
  const trained = trainedKinds(setup.parameters)
  const facts = {
    parameters: original.source.names().reduce((sum, name) => sum + sizeIn(original, name), 0),
    data: {
      documents: documents.count,
      rows: training.rows,
      heldOutRows: heldOut?.reduce((sum, { ids }) => sum + ids.shape[0]!, 0) ?? 0,
    },
  }
  emit({
    type: 'started',
    steps,
    resumedAt: state.step,
    ...facts.data,
    trained: trained.reduce((sum, { values }) => sum + values, 0),
    parameters: facts.parameters,
  })
  await withLearner(job, async (learner, backend) => {
    if (!checkpoint)
      await makeUp(original, subject, data, {
        backend,
        signal: options.signal,
        onProgress: (done, total) => emit({ type: 'progress', stage: 'prepare', done, total, unit: 'blocks' }),
      })
    if (!checkpoint && heldOut) {
      const terms = await learner.evaluate(heldOut, options.signal && { signal: options.signal })
      state.best = { step: 0, loss: terms.loss! }
      const event = { type: 'evaluated', step: 0, terms, best: true } as const
      history.add(event)
      emit(event)
    }
    await takeSteps({ folder, learner, setup, data, steps, state, history, recipe, options, emit })
    subject.finish()
    if (!recipe.average || !heldOut) return
    // What is written is the average: so is what the run says it reached.
    const terms = await learner.evaluate(heldOut, options.signal && { signal: options.signal })
    const event = { type: 'evaluated', step: state.step, terms, best: false } as const
    history.add(event)
    emit(event)
  })
  const write = recipe.output.adapterOnly ? writeAdapter : writeTrained
  const path = await write(original, setup, subject.frozen, recipe, {
    out: options.out,
    threads: options.threads,
    signal: options.signal,
    onProgress: (done, total) => emit({ type: 'progress', stage: 'write', done, total, unit: 'tensors' }),
  })
  const { evaluations } = history
  return {
    path,
    steps: state.step,
    tokens: history.steps.reduce((sum, { tokens }) => sum + tokens, 0),
    seconds: history.steps.reduce((sum, { seconds }) => sum + seconds, 0),
    ...(evaluations.length > 0 && { before: evaluations[0]!.terms, after: evaluations.at(-1)!.terms }),
    losses: history.steps.map(({ terms }) => terms.loss!),
    history,
    trained,
    ...facts,
    prompts: await promptsOf(documents, data.shown, original.tokenizer!),
  }
}

async function withLearner(
  { subject, teaching, recipe, options }: Job,
  work: (learner: ReturnType<typeof createLearner>, backend: Backend) => Promise<void>,
): Promise<void> {
  const { model, setup } = subject
  const backend = ortNodeBackend({ threads: options.threads })
  const learner = createLearner(model, {
    backend,
    objective: teaching.objective,
    ...teaching.learner,
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    documents: true,
    keepFrozen: recipe.frozen === 'memory',
    ...(setup.constants && { constants: setup.constants }),
    ...(setup.stepInputs && { stepInputs: setup.stepInputs }),
  })
  try {
    await work(learner, backend)
  } catch (error) {
    throw error instanceof DivergedError ? await describeDivergence(error, setup.parameters, options.out) : error
  } finally {
    await learner.close()
    await backend.close()
  }
}

const sizeIn = (model: Model, name: string) => model.source.info(name).shape.reduce((n, d) => n * d, 1)
