import {
  endpointTeacher,
  hiddenTransfer,
  localTeacher,
  multiTeacher,
  openTeacherCache,
  type Question,
  relationTransfer,
  sharedVocabulary,
  softLabelSchema,
  softLabels,
  type Teacher,
  topLabels,
  withTop,
  writeTeacherCache,
} from '@sinter/distillation'
import {
  crossEntropy,
  type LearnerOptions,
  type Model,
  type Objective,
  SinterError,
  type TrainTokens,
} from '@sinter/model'
import { type Backend, ortNodeBackend, type Tensor, type TensorF32 } from '@sinter/tensor-core'
import { type TrainData, tokensOf } from './datasets.ts'
import type { Emit, TrainOptions } from './events.ts'
import {
  askedSchema,
  type CachedTeacherRecipe,
  isAsked,
  isList,
  isServer,
  multiTeacherSchema,
  type ServerTeacherRecipe,
} from './teacher-recipe.ts'
import type { TrainRecipe } from './train-recipe.ts'

/** What a recipe says about learning from somebody. */
export interface Teaching {
  readonly objective: Objective
  readonly learner: Pick<LearnerOptions, 'teacher' | 'sharedVocabulary' | 'features'>
  /** What is trained for the comparison alone, and left out of what is written. */
  readonly parameters: ReadonlyMap<string, TensorF32>
}

/**
 * @param teachers the models that the recipe names, opened
 * @throws SinterError `tokenizer` for other vocabularies, what a loss between layers cannot compare
 */
export function teachingOf(student: Model, teachers: readonly Model[], recipe: TrainRecipe): Teaching {
  const { teacher, loss = {}, features, seed } = recipe
  const none = new Map<string, TensorF32>()
  if (teacher === undefined) return { objective: crossEntropy, learner: {}, parameters: none }
  if (isAsked(teacher)) return { objective: topLabels(askedSchema.parse(loss)), learner: {}, parameters: none }
  const shared = Math.min(...teachers.map(other => sharedVocabulary(student, other)))
  const learner = { teacher: teachers, sharedVocabulary: shared }
  if (isList(teacher)) {
    const { weights = teacher.map(() => 1), ...options } = multiTeacherSchema.parse(loss)
    return { objective: multiTeacher({ ...options, weights }), learner, parameters: none }
  }
  const hidden = features?.hidden && hiddenTransfer(student, teachers[0]!, features.hidden, { seed })
  const relations = features?.relations && relationTransfer(student, teachers[0]!, features.relations)
  return {
    objective: softLabels(softLabelSchema.parse(loss)),
    learner: { ...learner, features: [...(hidden?.terms ?? []), ...(relations ?? [])] },
    parameters: hidden?.parameters ?? none,
  }
}

export interface AskedJob {
  readonly model: Model
  readonly teachers: readonly Model[]
  readonly recipe: TrainRecipe
  readonly data: TrainData
  /** Forward passes of the whole run. */
  readonly passes: number
  readonly options: TrainOptions
  readonly emit: Emit
}

/**
 * For a teacher that is asked beforehand: asks about what is not in its cache yet, and opens the cache.
 * @throws SinterError `teacher` for a cache of something else, or one that is not complete and has nobody to ask
 */
export async function openAnswers(
  job: AskedJob,
): Promise<{ readonly answer: NonNullable<TrainData['answer']>; close(): Promise<void> }> {
  const { model, recipe, options } = job
  const teacher = recipe.teacher as CachedTeacherRecipe | ServerTeacherRecipe
  const { k } = askedSchema.parse(recipe.loss ?? {})
  if (isServer(teacher) || teacher.model !== undefined) await fillCache(job, teacher, k)
  const cache = await openTeacherCache(teacher.cache, { tokenizer: model.tokenizer })
  const signal = options.signal
  return { answer: batches => withTop(cache, batches, { k, signal }), close: () => cache.close() }
}

async function fillCache(
  { model, teachers, data, passes, options, emit }: AskedJob,
  teacher: CachedTeacherRecipe | ServerTeacherRecipe,
  k: number,
): Promise<void> {
  const backend = ortNodeBackend({ threads: options.threads })
  try {
    const vocabulary = teachers[0] ? sharedVocabulary(model, teachers[0]) : model.config.vocabSize
    const asked = isServer(teacher) ? server(teacher, model, vocabulary) : local(teachers[0]!, backend, vocabulary)
    const question = await everyRow(data, passes)
    const shardRows = isServer(teacher) ? 1 : undefined
    const { tokenizer } = model
    const { signal } = options
    const cache = { folder: teacher.cache, teacher: asked, question, k, vocabulary, tokenizer, shardRows, signal }
    for await (const { done, total } of writeTeacherCache(cache))
      emit({ type: 'progress', stage: `ask ${asked.name}`, done, total, unit: isServer(teacher) ? 'rows' : 'parts' })
  } finally {
    await backend.close()
  }
}

const local = (model: Model, backend: Backend, vocabulary: number): Teacher =>
  localTeacher(model, { backend, vocabulary })

function server(teacher: ServerTeacherRecipe, { tokenizer }: Model, vocabulary: number): Teacher {
  const { url, name, style, keyVariable, mostTop, concurrency, timeoutSeconds, retries, requests, tokens } = teacher
  const apiKey = keyVariable === undefined ? undefined : process.env[keyVariable]
  if (keyVariable !== undefined && !apiKey)
    throw new SinterError('teacher', `teacher.keyVariable: the environment has no ${keyVariable}; set it to the key`)
  return endpointTeacher({
    url,
    model: name,
    style,
    vocabulary,
    tokenizer,
    apiKey,
    budget: { requests, tokens },
    ...(mostTop !== undefined && { mostTop }),
    ...(concurrency !== undefined && { concurrency }),
    ...(timeoutSeconds !== undefined && { timeoutMs: 1000 * timeoutSeconds }),
    ...(retries !== undefined && { retries }),
  })
}

/** All rows that the run will look at: those of the first epoch, which later ones only shuffle, and those held out. */
async function everyRow({ training, heldOut = [] }: TrainData, passes: number): Promise<Question> {
  const batches: TrainTokens[] = [...heldOut]
  for (let at = 0; at < Math.min(passes, training.stepsPerEpoch); at++) batches.push(await tokensOf(training, at))
  const length = batches[0]!.ids.shape[1]!
  const rows = batches.reduce((sum, { ids }) => sum + ids.shape[0]!, 0)
  return {
    ids: joined(
      batches.map(({ ids }) => ids),
      [rows, length],
    ),
    documents: joined(
      batches.map(({ documents }) => documents!),
      [rows, length],
    ),
  }
}

function joined(parts: readonly Tensor[], shape: readonly [number, number]): Tensor {
  const data = new Int32Array(shape[0] * shape[1])
  let at = 0
  for (const { data: part } of parts) {
    data.set(part as Int32Array, at)
    at += part.length
  }
  return { dtype: 'i32', shape, data }
}
