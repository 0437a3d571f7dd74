import type { Backend, Resident, Tensor, TensorF32 } from '@sinter/tensor-core'
import type { LinearRewrite } from '../families/tracer.ts'
import type { Model } from '../model.ts'
import { createPrograms } from '../programs.ts'
import { createBlockPass } from './block-pass.ts'
import { embeddingGradient } from './embedding-gradient.ts'
import type { GradientMap } from './gradients.ts'
import { headPass, type TargetRows } from './head-pass.ts'
import type { Objective } from './objective.ts'
import { overlay } from './overlay.ts'

/** Token ids `[batch, length]`, and of every position how much the prediction of the next token counts. */
export interface TrainTokens {
  readonly ids: Tensor
  /** f32 `[batch, length]`, 0 or 1; the last column is 0, for nothing comes after it. */
  readonly weights: TensorF32
  /** Which document of its row a position belongs to, i32 `[batch, length]`: with `documents` of the learner. */
  readonly documents?: Tensor
}

export interface LearnerOptions {
  readonly backend: Backend
  readonly objective: Objective
  /** What is trained, by stored name, and its values: they are changed in place between steps. */
  readonly parameters: ReadonlyMap<string, TensorF32>
  readonly rewrite?: LinearRewrite | undefined
  /** Rows hold several documents, and attention stays in its own. */
  readonly documents?: boolean
  /** Tensors that `rewrite` brings in and that are not trained, by stored name. */
  readonly constants?: ReadonlyMap<string, TensorF32>
  /** The same, but changed in place between steps. */
  readonly stepInputs?: ReadonlyMap<string, TensorF32>
  readonly teacher?: Model | undefined
  /** Frozen tensors stay in memory between steps (default), else every pass reads them from the checkpoint. */
  readonly keepFrozen?: boolean
}

export interface StepResult {
  /** The objective's terms; `loss` among them. Means over the target tokens. */
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
  /** The objective's terms alone. */
  evaluate(batches: readonly TrainTokens[], options?: { readonly signal?: AbortSignal }): Promise<StepResult['terms']>
  close(): Promise<void>
}

export function createLearner(source: Model, options: LearnerOptions): Learner {
  const {
    backend,
    objective,
    parameters,
    constants = new Map(),
    stepInputs = new Map(),
    rewrite,
    documents = false,
    keepFrozen = true,
    teacher,
  } = options
  const extras = new Map([...constants, ...stepInputs, ...parameters])
  const changes = (name: string) => parameters.has(name) || stepInputs.has(name)
  const model = source.over(overlay(source.source, parameters))
  const trains = (name: string) => parameters.has(name)
  const programs = createPrograms(backend)
  const blocks = createBlockPass({ model, backend, programs, rewrite, documents, extras, trains, changes, keepFrozen })
  const teaching =
    teacher &&
    createBlockPass({
      model: teacher,
      backend,
      programs,
      documents,
      extras: new Map(),
      trains: () => false,
      changes: () => false,
      keepFrozen: keepFrozen && teacher.path !== source.path,
    })
  const { embedding, positions, projectIn } = model.outside
  const trainsEmbedding = [embedding, positions?.name, projectIn].some(name => name !== undefined && trains(name))
  /** The first block whose input's gradient somebody wants; nothing flows further back. */
  const first = trainsEmbedding
    ? -1
    : (Array.from({ length: model.blocks }, (_, i) => i).find(blocks.trainsBlock) ?? model.blocks)

  async function hiddenOf(of: Model, pass: typeof blocks, batch: TrainTokens): Promise<TensorF32> {
    let x = await backend.upload(await of.embed(batch.ids), { move: true })
    for (let block = 0; block < of.blocks; block++) {
      const y = await pass.forward(block, x, shared(batch))
      x.release()
      x = y
    }
    return (await x.take()) as TensorF32
  }

  const shared = (batch: TrainTokens) => (documents ? { documents: batch.documents! } : {})

  async function one(batch: TrainTokens, targets: TargetRows, gradients: GradientMap): Promise<Record<string, number>> {
    const { ids } = batch
    const teacherHidden = objective.wantsTeacher ? await hiddenOf(teacher!, teaching!, batch) : undefined
    const entered: Resident[] = [await backend.upload(await model.embed(ids), { move: true })]
    try {
      for (let block = 0; block < model.blocks; block++) {
        const x = entered.at(-1)!
        const y = await blocks.forward(block, x, shared(batch))
        // Blocks below the first trained one are not gone back through.
        if (block < first) entered.pop()!.release()
        entered.push(y)
      }
      const hidden = (await entered.pop()!.take()) as TensorF32
      const pass = { model, backend, programs, objective, trains, teacher }
      const { terms, given } = await headPass(pass, hidden, targets, { teacherHidden, gradients })
      if (first >= model.blocks) return terms
      let flowing: Resident | undefined = await backend.upload(given!, { move: true })
      for (let block = model.blocks - 1; block >= Math.max(first, 0); block--) {
        const x = entered.pop()!
        try {
          flowing = await blocks.backward(block, x, flowing!, shared(batch), block > first, gradients)
        } finally {
          x.release()
        }
      }
      if (flowing) await embeddingGradient(model, ids, (await flowing.take()) as TensorF32, trains, gradients)
      return terms
    } finally {
      for (const x of entered) x.release()
    }
  }

  return {
    model,
    async gradients(batches, { signal } = {}) {
      const gradients: GradientMap = new Map()
      const terms: Record<string, number> = {}
      for (const [i, targets] of targetRows(batches).entries()) {
        signal?.throwIfAborted()
        addTerms(terms, await one(batches[i]!, targets, gradients))
      }
      return { terms, gradients }
    },
    async evaluate(batches, { signal } = {}) {
      const terms: Record<string, number> = {}
      for (const [i, targets] of targetRows(batches).entries()) {
        signal?.throwIfAborted()
        const batch = batches[i]!
        const teacherHidden = objective.wantsTeacher ? await hiddenOf(teacher!, teaching!, batch) : undefined
        const hidden = await hiddenOf(model, blocks, batch)
        const pass = { model, backend, programs, objective, trains, teacher }
        addTerms(terms, (await headPass(pass, hidden, targets, { teacherHidden })).terms)
      }
      return terms
    },
    async close() {
      blocks.release()
      teaching?.release()
      await programs.close()
    },
  }
}

function addTerms(sums: Record<string, number>, terms: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(terms)) sums[name] = (sums[name] ?? 0) + value
}

/** @throws RangeError when no token of the step has a target */
function targetRows(batches: readonly TrainTokens[]): TargetRows[] {
  const total = batches.reduce((sum, { weights }) => sum + weights.data.reduce((s, w) => s + w, 0), 0)
  if (!(total > 0)) throw new RangeError('training: no token of this step has a target; every label is masked')
  return batches.map(({ ids, weights }) => {
    const at = Int32Array.from(weights.data.keys()).filter(i => weights.data[i]! > 0)
    return {
      at,
      labels: at.map(i => Number(ids.data[i + 1]!)),
      weights: Float32Array.from(at, i => weights.data[i]! / total),
    }
  })
}

/** Every token of a batch of ids `[batch, length]` predicts the next one. */
export function everyToken(ids: Tensor): TrainTokens {
  const [batch, length] = ids.shape as readonly [number, number]
  const data = Float32Array.from({ length: batch * length }, (_, i) => (i % length === length - 1 ? 0 : 1))
  return { ids, weights: { dtype: 'f32', shape: [batch, length], data } }
}
