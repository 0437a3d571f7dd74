import { type Backend, type Graph, type Tensor, type TensorF32, toF32, toTensor } from '@sinter/tensor-core'
import { logitsGraph } from '../head.ts'
import type { Model } from '../model.ts'
import { createPrograms } from '../programs.ts'
import { adamw } from '../train/adamw.ts'
import { createBlockPass } from '../train/block-pass.ts'
import { createLearner, type Learner } from '../train/learner.ts'
import type { TrainSetup } from '../train/method.ts'
import { crossEntropy } from '../train/objective.ts'
import { overlay, overlayWeights } from '../train/overlay.ts'
import { storedLayers } from '../train/stored-layers.ts'
import { everyToken } from '../train/target-rows.ts'
import { newTrainerState, type TrainerState, train } from '../train/trainer.ts'

/** A model as a method prepared it, and a learner for it. */
export function learnerFor(source: Model, setup: TrainSetup, backend: Backend): Learner {
  return createLearner(preparedModel(source, setup), {
    backend,
    objective: crossEntropy,
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    ...(setup.constants && { constants: setup.constants }),
    ...(setup.stepInputs && { stepInputs: setup.stepInputs }),
  })
}

const preparedModel = (model: Model, { frozen }: TrainSetup): Model =>
  frozen ? model.over(overlayWeights(model.source, frozen)) : model

export interface ShortRun {
  readonly steps: number
  readonly learningRate: number
  readonly ids: Tensor
  readonly state?: TrainerState
  /** Steps that the run is planned for; it stops after `steps`. */
  readonly planned?: number
}

/** Trains on one batch with AdamW. @returns the loss of each step, the method's penalty in it */
export async function shortRun(
  learner: Learner,
  setup: TrainSetup,
  { steps, learningRate, ids, state = newTrainerState(), planned = steps }: ShortRun,
): Promise<number[]> {
  const losses: number[] = []
  for await (const event of train({
    learner,
    parameters: setup.parameters,
    optimizer: adamw,
    optimizerOptions: { ...(adamw.options.parse({}) as object) },
    learningRate,
    schedule: () => 1,
    steps: planned,
    clip: 1,
    batches: async () => [everyToken(ids)],
    hooks: setup,
    state,
  })) {
    if (event.type === 'step') losses.push(sum(Object.values(event.terms)))
    if (event.type === 'step' && event.step >= steps) break
  }
  return losses
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Logits of the forward pass that training differentiates, f32 `[batch, tokens, vocabulary]`, flat. */
export async function trainingLogits(
  source: Model,
  setup: TrainSetup,
  backend: Backend,
  ids: Tensor,
): Promise<Float32Array> {
  const { parameters, constants = new Map(), stepInputs = new Map() } = setup
  const prepared = preparedModel(source, setup)
  const model = prepared.over(overlay(prepared.source, parameters))
  const programs = createPrograms(backend)
  const pass = createBlockPass({
    model,
    backend,
    programs,
    rewrite: setup.rewrite,
    extras: new Map([...constants, ...stepInputs, ...parameters]),
    trains: () => false,
    changes: () => false,
    keepFrozen: false,
  })
  let x = await backend.upload(await model.embed(ids))
  for (let block = 0; block < model.blocks; block++) x = (await pass.forward(block, x, {})).y
  const runOn = async (g: Graph, inputs: Record<string, Tensor>, output: string) =>
    toTensor((await (await backend.compile(g)).run(inputs))[output]!)
  const head = Object.fromEntries(await model.readHeadInput())
  const headInput = await runOn(model.headInputGraph(), { x: await x.take(), ...head }, 'head_input')
  const { weight } = await model.readHeadRows(0, model.config.vocabSize)
  const result = await runOn(logitsGraph(model, model.config.vocabSize), { head_input: headInput, weight }, 'logits')
  await programs.close()
  return Float32Array.from(result.data as Float32Array)
}

/** The model that a method leaves behind: what moved, and what `merge` and `mergeBias` make of it. */
export async function mergedModel(source: Model, setup: TrainSetup): Promise<Model> {
  const prepared = preparedModel(source, setup)
  const trained = prepared.over(overlay(prepared.source, setup.parameters))
  const merged = new Map<string, TensorF32>()
  for (const [name, tensor] of setup.parameters) if (source.source.has(name)) merged.set(name, tensor)
  for (const { block, name, stored } of storedLayers(source)) {
    const tensors = await trained.readBlock(block)
    const weight = tensors.get(`${name}.weight`)!
    const found = setup.merge?.(stored, weight)
    if (found)
      merged.set(`${stored}.weight`, source.storedForm(`${name}.weight`, 'kind' in found ? found.dense() : found))
    const bias = tensors.get(`${name}.bias`)
    const moved = bias && setup.mergeBias?.(stored, weight, bias)
    if (moved) merged.set(`${stored}.bias`, moved)
  }
  return source.over(overlay(prepared.source, merged))
}

/** All stored tensors of a model, read. */
export async function allTensors({ source }: Model): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, Float32Array>()
  for (const name of source.names()) tensors.set(name, toF32(await source.read(name)).data.slice())
  return tensors
}
