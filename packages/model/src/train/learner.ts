import type { Backend, Resident, TensorF32 } from '@sinter/tensor-core'
import type { LinearRewrite } from '../families/tracer.ts'
import type { Model } from '../model.ts'
import { createPrograms } from '../programs.ts'
import { releaseAll } from '../residents.ts'
import { createBlockPass } from './block-pass.ts'
import { checkTaps, checkVocabulary } from './check-teachers.ts'
import { embeddingGradient } from './embedding-gradient.ts'
import { createFeaturePass, type FeatureTerm, plus, type Tapped, tapKey } from './feature-pass.ts'
import type { GradientMap } from './gradients.ts'
import { headPass } from './head-pass.ts'
import { createHeadSums, createHeadTensors, type HeadSums } from './head-tensors.ts'
import { headByVocabulary } from './head-vocabulary.ts'
import { microBatches } from './micro-batches.ts'
import type { Objective } from './objective.ts'
import { overlay } from './overlay.ts'
import { type TargetRows, type TrainTokens, targetRows } from './target-rows.ts'
import { walk } from './walk.ts'

export interface LearnerOptions {
  readonly backend: Backend
  /** Of the logits; absent, `features` are all of the loss. */
  readonly objective?: Objective | undefined
  /** What is trained, by stored name, and its values: they are changed in place between steps. */
  readonly parameters: ReadonlyMap<string, TensorF32>
  readonly rewrite?: LinearRewrite | undefined
  /** Rows hold several documents, and attention stays in its own. */
  readonly documents?: boolean
  /** Tensors that `rewrite` or `features` bring in and that are not trained, by stored name. */
  readonly constants?: ReadonlyMap<string, TensorF32>
  /** The same, but changed in place between steps. */
  readonly stepInputs?: ReadonlyMap<string, TensorF32>
  /** Who is learnt from, when the objective or features want it. Several give logits each; features are the first one's. */
  readonly teacher?: Model | readonly Model[] | undefined
  /** A teacher's weights change between steps: they are read again in each. */
  readonly teacherMoves?: boolean
  /** Student and teachers know the same first tokens, so many. Default: all, and then they must have equally many. */
  readonly sharedVocabulary?: number
  /** Losses on hidden states and attention. */
  readonly features?: readonly FeatureTerm[]
  /** Frozen tensors stay in memory between steps (default), else every pass reads them from the checkpoint. */
  readonly keepFrozen?: boolean
}

export interface StepResult {
  /** The objective's terms and the features'; `loss` among them. Means over the target tokens. */
  readonly terms: Readonly<Record<string, number>>
  /** By stored name, in the checkpoint's layout. */
  readonly gradients: GradientMap
}

/**
 * Losses and gradients of a model, block by block: one block's activations are alive at a time, and of every other block only
 * what entered it. Memory is that, the weights, and one gradient of each trained tensor.
 */
export interface Learner {
  /** The model with the trained tensors as they are now. */
  readonly model: Model
  /** @param batches of one step: their target tokens count alike, wherever they are */
  gradients(batches: readonly TrainTokens[], options?: { readonly signal?: AbortSignal }): Promise<StepResult>
  /** The terms alone. */
  evaluate(batches: readonly TrainTokens[], options?: { readonly signal?: AbortSignal }): Promise<StepResult['terms']>
  close(): Promise<void>
}

/** @throws RangeError when a teacher's vocabulary has another size, or a feature looks where there is nothing */
export function createLearner(source: Model, options: LearnerOptions): Learner {
  const { backend, objective, parameters, rewrite, documents = false, features = [] } = options
  const { constants = new Map(), stepInputs = new Map() } = options
  const teachers = [options.teacher ?? []].flat() as readonly Model[]
  if (objective?.wantsTeacher && teachers.length === 0)
    throw new TypeError('training: the loss wants the logits of a teacher, and there is none')
  const extras = new Map([...constants, ...stepInputs, ...parameters])
  const changes = (name: string) => parameters.has(name) || stepInputs.has(name)
  const model = source.over(overlay(source.source, parameters))
  const sharedVocabulary = checkVocabulary(model, teachers, options.sharedVocabulary)
  checkTaps(model, teachers[0], features)
  const trains = (name: string) => parameters.has(name)
  const programs = createPrograms(backend)
  const common = { backend, programs, documents }
  const keepFrozen = options.keepFrozen ?? true
  const blocks = createBlockPass({ ...common, model, rewrite, extras, trains, changes, keepFrozen })
  const teaching = teachers.map(teacher => {
    const keeps = keepFrozen && !options.teacherMoves && teacher.path !== source.path
    const still = { extras: new Map(), trains: () => false, changes: () => false }
    return createBlockPass({ ...common, ...still, model: teacher, keepFrozen: keeps })
  })
  const tensors = createHeadTensors({
    model,
    backend,
    teachers: objective?.wantsTeacher ? teachers : [],
    sharedVocabulary,
    trains,
    keepFrozen,
    teachersMove: options.teacherMoves ?? false,
  })
  const inner = createFeaturePass({ programs, terms: features, extras, trains, documents })
  const tapped = (side: 'student' | 'teacher') => new Set(features.map(term => tapKey(term[side])))
  const [studentTaps, teacherTaps] = [tapped('student'), tapped('teacher')]
  const { embedding, positions, projectIn } = model.outside
  const trainsEmbedding = [embedding, positions?.name, projectIn].some(name => name !== undefined && trains(name))
  /** The first block whose input's gradient somebody wants; nothing flows further back. */
  const first = trainsEmbedding
    ? -1
    : (Array.from({ length: model.blocks }, (_, i) => i).find(blocks.trainsBlock) ?? model.blocks)

  /** Slices of the vocabulary pay where the output embedding's own gradient is wanted; else logits are computed twice for nothing. */
  const bySlices = (of: Objective | undefined) => {
    const { vocabSize } = model.config
    const alike = sharedVocabulary === vocabSize && teachers.every(teacher => teacher.config.vocabSize === vocabSize)
    return alike && teachers.length < 2 && trains(model.outside.head) ? of?.sliced : undefined
  }

  const documentsOf = (batch: TrainTokens) => (documents ? { documents: batch.documents! } : {})

  /** Last hidden states of every teacher; of the first one also what features look at. */
  async function teach(batch: TrainTokens, kept: Tapped): Promise<TensorF32[]> {
    const wanted = objective?.wantsTeacher ? teachers : teacherTaps.size > 0 ? teachers.slice(0, 1) : []
    const states: TensorF32[] = []
    for (const [i, teacher] of wanted.entries()) {
      const keeps = (key: string) => i === 0 && teacherTaps.has(key)
      states.push(await walk({ backend, documents, model: teacher, blocks: teaching[i]!, keeps, kept }, batch))
    }
    return states
  }

  async function step(
    batch: TrainTokens,
    targets: TargetRows,
    into?: { readonly gradients: GradientMap; readonly sums: HeadSums },
  ): Promise<Record<string, number>> {
    const gradients = into?.gradients
    const [own, others, given]: [Tapped, Tapped, Tapped] = [new Map(), new Map(), new Map()]
    try {
      const taught = await teach(batch, others)
      const needed = new Set(studentTaps)
      if (gradients)
        for (let index = Math.max(first, 0); index < model.blocks; index++) needed.add(tapKey({ at: 'hidden', index }))
      const keeps = (key: string) => needed.has(key)
      const hidden = await walk({ backend, documents, model, blocks, keeps, kept: own }, batch)
      const inside = await inner.run(own, others, { targets, ...documentsOf(batch) }, gradients)
      for (const [key, parts] of inside.given) given.set(key, parts)
      const pass = { model, programs, trains, teachers, sharedVocabulary, tensors }
      const sliced = gradients && bySlices(objective)
      const outside = sliced
        ? await headByVocabulary(
            { ...pass, backend, loss: sliced, teacher: teachers[0], gradients },
            hidden,
            targets,
            taught[0],
          )
        : objective
          ? await headPass({ ...pass, objective }, hidden, targets, { taught, sums: into?.sums })
          : { terms: {}, given: zerosLike(hidden) }
      if (gradients && first < model.blocks) await back(batch, own, given, outside.given!, gradients)
      return addTerms(inside.terms, outside.terms)
    } finally {
      for (const parts of [...own.values(), ...others.values(), ...given.values()]) releaseAll(parts)
    }
  }

  /** What flows back from the loss, through the blocks, to the embedding. Takes what it uses out of `own` and `given`. */
  async function back(
    batch: TrainTokens,
    own: Tapped,
    given: Tapped,
    last: TensorF32,
    gradients: GradientMap,
  ): Promise<void> {
    let flowing: Resident | undefined = await withTap(given, model.blocks, await backend.upload(last, { move: true }))
    for (let block = model.blocks - 1; block >= Math.max(first, 0); block--) {
      const attended = takeOut(given, tapKey({ at: 'attention', index: block }))
      const x = takeOut(own, tapKey({ at: 'hidden', index: block }))!.hidden!
      try {
        flowing = await blocks.backward(
          block,
          x,
          { y: flowing!, attended },
          documentsOf(batch),
          block > first,
          gradients,
        )
        flowing &&= await withTap(given, block, flowing)
      } finally {
        x.release()
      }
    }
    if (flowing) await embeddingGradient(model, batch.ids, (await flowing.take()) as TensorF32, trains, gradients)
  }

  const withTap = (given: Tapped, index: number, flowing: Resident): Promise<Resident> =>
    plus(programs, takeOut(given, tapKey({ at: 'hidden', index }))?.hidden, flowing)

  async function steps(
    batches: readonly TrainTokens[],
    signal: AbortSignal | undefined,
    into?: { readonly gradients: GradientMap; readonly sums: HeadSums },
  ): Promise<Record<string, number>> {
    let terms: Record<string, number> = {}
    const micro = microBatches(batches)
    try {
      for (const [i, targets] of targetRows(micro).entries()) {
        signal?.throwIfAborted()
        terms = addTerms(terms, await step(micro[i]!, targets, into))
      }
      await into?.sums.moveTo(into.gradients)
      return terms
    } finally {
      into?.sums.release()
      tensors.endStep()
    }
  }

  return {
    model,
    async gradients(batches, { signal } = {}) {
      const gradients: GradientMap = new Map()
      const sums = createHeadSums(model, backend, trains)
      return { terms: await steps(batches, signal, { gradients, sums }), gradients }
    },
    evaluate: (batches, { signal } = {}) => steps(batches, signal),
    async close() {
      for (const pass of [blocks, ...teaching]) pass.release()
      tensors.release()
      await programs.close()
    },
  }
}

function addTerms(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sums: Record<string, number> = { ...a }
  for (const [name, value] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + value
  return sums
}

/** Whoever takes something out releases it. */
function takeOut(tapped: Tapped, key: string): Readonly<Record<string, Resident>> | undefined {
  const parts = tapped.get(key)
  tapped.delete(key)
  return parts
}

const zerosLike = ({ shape, data }: TensorF32): TensorF32 => ({
  dtype: 'f32',
  shape,
  data: new Float32Array(data.length),
})
