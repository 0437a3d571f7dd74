import { type FeatureInputs, type FeatureTerm, type Model, weightedSum } from '@sinter/model'
import { constant, createRng, greater, linear, mul, type Node, reshape, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { attentionTransfer, hiddenCosine, hiddenMse, toUnitRms } from './feature-losses.ts'

/** Student and teacher states that are compared: how many blocks each has passed. 0 is what enters the first. */
export type LayerMap = readonly (readonly [student: number, teacher: number])[]

export interface HiddenTransferOptions {
  readonly loss: 'mse' | 'cosine' | 'activation'
  /** Of all layers together. */
  readonly weight: number
  /** Divides both states by their root mean square first; of `mse`. */
  readonly normalize: boolean
  readonly layers?: LayerMap | undefined
}

export type HiddenTransferInput = {
  readonly [Key in keyof HiddenTransferOptions]?: HiddenTransferOptions[Key] | undefined
}

const layer = z.int().min(0).max(4096)

export const hiddenTransferSchema: z.ZodType<HiddenTransferOptions, HiddenTransferInput> = z.strictObject({
  loss: z
    .enum(['mse', 'cosine', 'activation'])
    .default('mse')
    .describe('Mean square error, 1 − cosine, or where in the text the activation is.'),
  weight: z.number().positive().default(1).describe('Share in the loss of all layers together.'),
  normalize: z.boolean().default(true).describe('Divide states by their root mean square first; of mse.'),
  layers: z
    .array(z.tuple([layer, layer]))
    .min(1)
    .optional()
    .describe('Pairs [student, teacher] of blocks that states have passed. Default: evenly over both.'),
})

/** What is called so is trained beside the student, and left out when the student is written. */
export const PROJECTION = 'distillation.projection.weight'

export interface Transfer {
  /** `features` of the learner: `hidden.mse.1-3` is the student's state after 1 block beside the teacher's after 3. */
  readonly terms: readonly FeatureTerm[]
  /** What they bring in: goes into the learner's parameters beside the student's own, and is dropped at the end. */
  readonly parameters: ReadonlyMap<string, TensorF32>
}

/**
 * The student's hidden states follow the teacher's (TinyBERT, 1909.10351 §3.1). Where the widths differ one matrix
 * W `[teacher width, student width]`, shared by all layers, carries them over; `activation` needs none.
 * @throws ZodError when the options do not fit
 */
export function hiddenTransfer(
  student: Model,
  teacher: Model,
  options: HiddenTransferInput,
  { seed }: { readonly seed: number },
): Transfer {
  const all = hiddenTransferSchema.parse(options)
  const layers = all.layers ?? evenLayers(student.blocks, teacher.blocks)
  const [own, other] = [student.config.hiddenSize, teacher.config.hiddenSize]
  const projects = own !== other && all.loss !== 'activation'
  const loss = lossOf(all, projects)
  return {
    terms: layers.map(([from, to]) => ({
      name: `hidden.${all.loss}.${from}-${to}`,
      weight: all.weight / layers.length,
      student: { at: 'hidden', index: from },
      teacher: { at: 'hidden', index: to },
      ...(projects && { parameters: { [PROJECTION]: [other, own] } }),
      loss,
    })),
    parameters: new Map(projects ? [[PROJECTION, initialProjection(other, own, seed)]] : []),
  }
}

/** Student state i learns from teacher state i · N/M, from what enters the first block to what leaves the last. */
export const evenLayers = (student: number, teacher: number): LayerMap =>
  Array.from({ length: student + 1 }, (_, i) => [i, Math.round((i * teacher) / student)] as const)

function lossOf({ loss, normalize }: HiddenTransferOptions, projects: boolean): (inputs: FeatureInputs) => Node {
  return ({ student, teacher, weights, parameters }) => {
    const [own, other] = [student.hidden!, teacher.hidden!]
    if (loss === 'activation')
      return weightedSum(attentionTransfer(masked(own, weights), masked(other, weights)), weights)
    const carried = projects ? linear(own, parameters[PROJECTION]!) : own
    if (loss === 'cosine') return weightedSum(hiddenCosine(carried, other), weights)
    return weightedSum(normalize ? hiddenMse(toUnitRms(carried), toUnitRms(other)) : hiddenMse(carried, other), weights)
  }
}

/** A map is of one length over all positions: those that do not count must not be in it. */
const masked = (x: Node, weights: Node): Node => mul(x, reshape(greater(weights, constant(0)), [...weights.shape, 1]))

/** Of a length that leaves the scale of what it carries about as it is. */
function initialProjection(out: number, width: number, seed: number): TensorF32 {
  const rng = createRng(`${seed}/projection`)
  const data = Float32Array.from({ length: out * width }, () => rng.normal() / Math.sqrt(width))
  return { dtype: 'f32', shape: [out, width], data }
}
