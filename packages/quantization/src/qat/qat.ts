import {
  type LinearRewrite,
  layerMatches,
  type Model,
  ownCopy,
  SinterError,
  type StoredLayer,
  storedLayers,
  type TrainMethod,
} from '@sinter/model'
import { linear, type Node, type QuantizedWeight, quantizedWeight, reshape, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { absmaxScale, type CodeRange, fakeQuantize, learnedStep, symmetricRange } from './fake-quant-graph.ts'

export interface QatOptions {
  readonly bits: number
  /** Columns that share a scale; 0: a whole row. */
  readonly groupSize: number
  readonly targets: readonly string[]
  /** Inputs of the layers are rounded too, each token by its own absmax; 32: they are not. */
  readonly activationBits: number
  /** What k_proj and v_proj give is rounded, each token by its own absmax, as a cache of so many bits would; 32: it is not. */
  readonly kvBits: number
}

const layerFields = {
  bits: z.int().min(2).max(8).default(4).describe('Bits a weight.'),
  groupSize: z.int().min(0).default(0).describe('Columns that share a scale; 0: a row.'),
  targets: z
    .array(z.string().min(1))
    .default([])
    .describe('Layers that are rounded, by the end of their names. Default: every linear of the blocks.'),
}

const fields = {
  ...layerFields,
  activationBits: z.int().min(4).max(32).default(32).describe('Bits of what enters the layers; 32: not rounded.'),
  kvBits: z
    .int()
    .min(2)
    .max(32)
    .default(32)
    .describe('Bits of keys and values as a cache holds them; 32: not rounded.'),
}

export const scaleName = (layer: string): string => `${layer}.weight_scale`

/** `[out, in]` as `[out, groups, columns]`. @throws SinterError when the group does not divide */
export function grouped(weight: Node, groupSize: number, name: string): Node {
  const [out, width] = weight.shape as readonly [number, number]
  return reshape(weight, [out, groupsOf(width, groupSize, name), groupSize === 0 ? width : groupSize])
}

export function groupsOf(width: number, groupSize: number, name: string): number {
  const size = groupSize === 0 ? width : groupSize
  if (width % size !== 0)
    throw new SinterError('recipe', `${name}: groups of ${size} columns do not divide ${width}; choose a divisor, or 0`)
  return width / size
}

/** A token's own scale, and its values rounded by it; the gradient passes straight through. */
const roundTokens = (x: Node, bits: number): Node =>
  bits >= 32 ? x : fakeQuantize(x, absmaxScale(x, symmetricRange(bits)), symmetricRange(bits))

function rewriteWith(
  options: QatOptions,
  roundWeight: (weight: Node, scale: () => Node, name: string) => Node,
): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    if (!layerMatches(name, options.targets)) return linear(x, weight, bias)
    const [out, width] = weight.shape as readonly [number, number]
    const groups = groupsOf(width, options.groupSize, name)
    const scale = () => reshape(t.parameter(scaleName(name), [out, groups]), [out, groups, 1])
    const rounded = reshape(roundWeight(grouped(weight, options.groupSize, name), scale, name), [out, width])
    const y = linear(roundTokens(x, options.activationBits), rounded, bias)
    return /(^|\.)[kv]_proj$/.test(name) ? roundTokens(y, options.kvBits) : y
  }
}

function chosenLayers(model: Model, { targets, kvBits }: QatOptions): readonly StoredLayer[] {
  const layers = storedLayers(model)
  const chosen = layers.filter(({ stored }) => layerMatches(stored, targets))
  const known = [...new Set(layers.map(({ name }) => name))].join(', ')
  if (chosen.length === 0)
    throw new SinterError('recipe', `targets ${targets.join(', ')} match no layer; there are ${known}`)
  if (kvBits < 32 && !chosen.some(({ name }) => name.endsWith('k_proj')))
    throw new SinterError(
      'recipe',
      `kvBits: this family has no layer k_proj of its own (it has ${known}); leave kvBits out`,
    )
  return chosen
}

/** @throws SinterError for a matrix that the checkpoint keeps the other way round */
export function refuseTransposed(model: Model, stored: string): void {
  const name = `${stored}.weight`
  if (model.family.transposed?.some(canonical => name.endsWith(canonical)))
    throw new SinterError('recipe', `${name}: training with rounding does not know matrices stored as [in, out] yet`)
}

async function weightsOf(model: Model, layers: readonly StoredLayer[]): Promise<Map<string, TensorF32>> {
  const parameters = new Map<string, TensorF32>()
  for (const { stored } of layers) {
    refuseTransposed(model, stored)
    parameters.set(`${stored}.weight`, await ownCopy(model, `${stored}.weight`))
  }
  return parameters
}

/**
 * Quantization-aware training: weights are rounded in the forward pass, symmetrically by the absmax of their group, and gradients
 * go straight through. With activations and keys and values rounded, and the model its own teacher on text of its own, this
 * is LLM-QAT (2305.17888 §2).
 */
export const qat: TrainMethod<QatOptions> = {
  kind: 'train',
  name: 'qat',
  title: 'Quantization-aware training, straight through',
  paper: 'arXiv:2305.17888 §2',
  options: z.strictObject(fields),
  needs: () => [],
  async setUp(model, options) {
    const range = symmetricRange(options.bits)
    const parameters = await weightsOf(model, chosenLayers(model, options))
    return {
      rewrite: rewriteWith(options, weight => fakeQuantize(weight, absmaxScale(weight, range), range)),
      parameters,
      merge: (layer, weight) =>
        parameters.has(`${layer}.weight`) ? rounded(weight, absmaxScales(weight, options), options) : undefined,
    }
  },
}

export interface LsqOptions extends QatOptions {
  /** Where the steps begin. */
  readonly initial: 'error' | 'mean'
}

/** The same with the scale of every group learned (LSQ, 1902.08153). */
export const lsq: TrainMethod<LsqOptions> = {
  kind: 'train',
  name: 'lsq',
  title: 'Quantization-aware training with learned step sizes',
  paper: 'arXiv:1902.08153',
  options: z.strictObject({
    ...fields,
    initial: z
      .enum(['error', 'mean'])
      .default('error')
      .describe(
        'The first steps. error: those that round the weights with the least square error; mean: 2 · mean |w| / √high, as the paper has them.',
      ),
  }),
  needs: () => [],
  async setUp(model, options) {
    const range = symmetricRange(options.bits)
    const layers = chosenLayers(model, options)
    const parameters = await weightsOf(model, layers)
    for (const { stored } of layers)
      parameters.set(scaleName(stored), initialSteps(parameters.get(`${stored}.weight`)!, options))
    return {
      rewrite: rewriteWith(options, (weight, scale) =>
        learnedStep(weight, scale(), range, 1 / Math.sqrt((weight.shape[2] as number) * range.high)),
      ),
      parameters,
      merge(layer, weight) {
        const scales = parameters.get(scaleName(layer))
        return scales && rounded(weight, scales, options)
      },
    }
  },
}

/** Of each group: 2 · mean |w| / √high (§2.1), or what that leads to by least squares. */
function initialSteps(weight: TensorF32, { bits, groupSize, initial }: LsqOptions): TensorF32 {
  const range = symmetricRange(bits)
  return perGroup(weight, groupSize, values => {
    let sum = 0
    for (const value of values) sum += Math.abs(value)
    const step = (2 * sum) / values.length / Math.sqrt(range.high)
    return initial === 'mean' ? step : leastSquares(values, step, range)
  })
}

/** Each takes away less than the one before. */
const ROUNDS = 12

/** In turn the codes for a step, and the step for the codes: Σ w·q / Σ q². Neither makes the square error larger. */
function leastSquares(values: Float32Array, first: number, { low, high }: CodeRange): number {
  let step = first
  for (let round = 0; round < ROUNDS && step > 0; round++) {
    let [product, square] = [0, 0]
    for (const value of values) {
      const code = Math.min(Math.max(Math.round(value / step), low), high)
      product += value * code
      square += code * code
    }
    if (square === 0) return step
    step = product / square
  }
  return step
}

const absmaxScales = (weight: TensorF32, { bits, groupSize }: QatOptions): TensorF32 =>
  perGroup(weight, groupSize, values => {
    let most = 0
    for (const value of values) most = Math.max(most, Math.abs(value))
    return Math.max(Math.fround(most / symmetricRange(bits).high), Math.fround(1e-12))
  })

function perGroup({ shape, data }: TensorF32, groupSize: number, of: (values: Float32Array) => number): TensorF32 {
  const [out, width] = shape as readonly [number, number]
  const size = groupSize === 0 ? width : groupSize
  const groups = width / size
  const values = Float32Array.from({ length: out * groups }, (_, i) => of(data.subarray(i * size, (i + 1) * size)))
  return { dtype: 'f32', shape: [out, groups], data: values }
}

/** The weight that the forward pass computed with: codes round(w / s), clipped. */
export function rounded(
  weight: TensorF32,
  scales: TensorF32,
  { bits, groupSize }: Pick<QatOptions, 'bits' | 'groupSize'>,
): QuantizedWeight {
  const [out, width] = weight.shape as readonly [number, number]
  const size = groupSize === 0 ? width : groupSize
  const { low, high } = symmetricRange(bits)
  const middle = 2 ** (bits - 1)
  const codes = new Uint8Array(out * width)
  for (let i = 0; i < codes.length; i++) {
    const code = roundHalfEven(Math.fround(weight.data[i]! / scales.data[Math.floor(i / size)]!))
    codes[i] = Math.min(Math.max(code, low), high) + middle
  }
  return quantizedWeight({
    shape: [out, width],
    bits,
    groupSize: size,
    scales: { ...scales, data: scales.data.slice() },
    codes,
  })
}

function roundHalfEven(x: number): number {
  const r = Math.round(x)
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}
