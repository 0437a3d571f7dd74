import {
  type LinearRewrite,
  layerMatches,
  type Model,
  SinterError,
  type StoredLayer,
  type TrainMethod,
} from '@sinter/model'
import {
  add,
  createRng,
  linear,
  matmul,
  mul,
  type Node,
  type Rng,
  reshape,
  sizeOf,
  type TensorF32,
} from '@sinter/tensor-core'
import { z } from 'zod'
import { type Form, type Part, partNode, partRow, partShapes } from './glora-parts.ts'
import { MAX_RANK, targetLayers, targetsOption } from './targets.ts'

export interface GloraOptions {
  readonly a: Form
  readonly b: Form
  readonly c: Exclude<Form, 'scalar'>
  readonly d: Exclude<Form, 'low-rank'>
  readonly e: Exclude<Form, 'low-rank'>
  readonly rank: number
  readonly targets: readonly string[]
}

const anyForm = z.enum(['low-rank', 'vector', 'scalar', 'none'])
const biasForm = z.enum(['vector', 'scalar', 'none']).default('none')

/**
 * Generalized LoRA (2306.07967 §3): weight W + W ⊙ A + B and bias b + b ⊙ D + E + W C, each part low-rank, a vector, a number or
 * nothing; all of it merges into one weight and one bias. The product with A is element by element, as in the authors' code.
 * One path is trained; the paper's search over paths is not done.
 */
export const glora: TrainMethod<GloraOptions> = {
  kind: 'train',
  name: 'glora',
  title: 'Generalized LoRA (GLoRA)',
  paper: 'arXiv:2306.07967 §3',
  options: z.strictObject({
    a: anyForm.default('low-rank').describe('What multiplies the weight, element by element.'),
    b: anyForm.default('low-rank').describe('What is added to the weight.'),
    c: z
      .enum(['low-rank', 'vector', 'none'])
      .default('none')
      .describe('What the weight is applied to and added to the bias: a shift of the input. Layers need a bias.'),
    d: biasForm.describe('What multiplies the bias.'),
    e: biasForm.describe('What is added to the bias.'),
    rank: z.int().min(1).max(MAX_RANK).default(8).describe('Width of the low-rank parts.'),
    targets: targetsOption,
  }),
  needs: () => [],
  async setUp(model, options, { seed }) {
    const layers = targetLayers(model, options.targets, 'glora')
    checkBiases(model, layers, options)
    const rng = createRng(seed)
    const parameters = new Map<string, TensorF32>()
    for (const { stored, shape } of layers)
      for (const [key, part] of Object.entries(partsOf(options, shape)))
        for (const [ending, size] of Object.entries(partShapes(part)))
          parameters.set(tensorName(stored, key, ending), initial(size, ending, rng))
    if (parameters.size === 0)
      throw new SinterError('recipe', 'glora: a, b, c, d and e are all none: nothing would be trained; give one a form')
    const trained = new Set(layers.map(({ stored }) => stored))
    const tensors = (layer: string, key: string) => (ending: string) => parameters.get(tensorName(layer, key, ending))!
    return {
      rewrite: gloraRewrite(options),
      parameters,
      merge: (layer, weight) =>
        trained.has(layer) ? mergedWeight(weight, options, key => tensors(layer, key)) : undefined,
      mergeBias: (layer, weight, bias) =>
        trained.has(layer) ? mergedBias(weight, bias, options, key => tensors(layer, key)) : undefined,
    }
  },
}

const tensorName = (layer: string, key: string, ending: string): string => `${layer}.glora_${key}${ending}`

function partsOf(
  { a, b, c, d, e, rank }: GloraOptions,
  [out, width]: readonly [number, number],
): Readonly<Record<'a' | 'b' | 'c' | 'd' | 'e', Part>> {
  return {
    a: { form: a, rows: out, columns: width, rank },
    b: { form: b, rows: out, columns: width, rank },
    c: { form: c, rows: width, columns: 1, rank },
    d: { form: d, rows: out, columns: 1, rank },
    e: { form: e, rows: out, columns: 1, rank },
  }
}

/** A checkpoint has no place for the bias of a layer that has none. @throws SinterError naming such layers */
function checkBiases(model: Model, layers: readonly StoredLayer[], { c, d, e }: GloraOptions): void {
  if (c === 'none' && d === 'none' && e === 'none') return
  const without = layers.filter(({ block, name }) => !model.blockTensors(block).has(`${name}.bias`))
  if (without.length === 0) return
  const names = [...new Set(without.map(({ name }) => name))].join(', ')
  throw new SinterError(
    'recipe',
    `glora: c, d and e change the bias, but ${names} have none; leave them none, or choose targets that have one`,
  )
}

/** Parts start as nothing: the left factor of a product uniform within ±1/√rows, all else zero. */
function initial(shape: readonly number[], ending: string, rng: Rng): TensorF32 {
  const bound = ending === '_left' ? 1 / Math.sqrt(shape[0]!) : 0
  const data = Float32Array.from({ length: sizeOf(shape) }, () => (bound === 0 ? 0 : (2 * rng.uniform() - 1) * bound))
  return { dtype: 'f32', shape, data }
}

function gloraRewrite(options: GloraOptions): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    if (!layerMatches(name, options.targets)) return linear(x, weight, bias)
    const [out, width] = weight.shape as readonly [number, number]
    const parts = partsOf(options, [out, width])
    const node = (key: keyof typeof parts) =>
      partNode(parts[key], (ending, shape) => t.parameter(tensorName(name, key, ending), shape))
    const [a, b, c, d, e] = [node('a'), node('b'), node('c'), node('d'), node('e')]
    const matrix = plus(a ? add(weight, mul(weight, a)) : weight, b)
    if (!bias) return linear(x, matrix)
    const column = reshape(bias, [out, 1])
    const moved = plus(plus(d ? add(column, mul(column, d)) : column, e), c && matmul(weight, c))
    return linear(x, matrix, reshape(moved, [out]))
  }
}

const plus = (x: Node, y: Node | undefined): Node => (y ? add(x, y) : x)

type Tensors = (key: string) => (ending: string) => TensorF32

/** W + W ⊙ A + B, each value rounded once. f32 `[out, in]` */
function mergedWeight(weight: TensorF32, options: GloraOptions, tensors: Tensors): TensorF32 {
  const [out, width] = weight.shape as readonly [number, number]
  const { a, b } = partsOf(options, [out, width])
  const data = new Float32Array(out * width)
  const [factors, added] = [new Float64Array(width), new Float64Array(width)]
  for (let o = 0; o < out; o++) {
    partRow(a, tensors('a'), o, factors)
    partRow(b, tensors('b'), o, added)
    for (let i = 0; i < width; i++) {
      const own = weight.data[o * width + i]!
      data[o * width + i] = own + own * factors[i]! + added[i]!
    }
  }
  return { dtype: 'f32', shape: weight.shape, data }
}

/** b + b ⊙ D + E + W C, each value rounded once. f32 `[out]` */
function mergedBias(weight: TensorF32, bias: TensorF32, options: GloraOptions, tensors: Tensors): TensorF32 {
  const [out, width] = weight.shape as readonly [number, number]
  const { c, d, e } = partsOf(options, [out, width])
  const one = new Float64Array(1)
  const at = (part: Part, key: string, row: number): number => {
    partRow(part, tensors(key), row, one)
    return one[0]!
  }
  const shift = Float64Array.from({ length: width }, (_, i) => at(c, 'c', i))
  const data = Float32Array.from({ length: out }, (_, o) => {
    let sum = bias.data[o]! * (1 + at(d, 'd', o)) + at(e, 'e', o)
    for (let i = 0; i < width; i++) sum += weight.data[o * width + i]! * shift[i]!
    return sum
  })
  return { dtype: 'f32', shape: bias.shape, data }
}
