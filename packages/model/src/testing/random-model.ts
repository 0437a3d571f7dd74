import { createRng, f32, type Rng, sizeOf, type TensorF32 } from '@sinter/tensor-core'
import { streamInput, traceBlock } from '../block-graph.ts'
import { readConfig } from '../config.ts'
import { createModel } from '../create-model.ts'
import { familyOf } from '../families/index.ts'
import { createTrace } from '../families/tracer.ts'
import { textConfig } from '../formats/config-fields.ts'
import { FormatError } from '../formats/format-error.ts'
import { checkRows, type TensorSource } from '../formats/source.ts'
import type { Model } from '../model.ts'

export interface RandomCheckpoint {
  readonly config: Readonly<Record<string, unknown>>
  readonly source: TensorSource
}

/** A configuration small enough for the interpreter: 2 blocks of width 16, 40 tokens. */
export const tinyLlama: Readonly<Record<string, unknown>> = {
  model_type: 'llama',
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
}

/** A checkpoint of random weights in memory: every tensor that the configuration, of any family, asks for. */
export function randomCheckpoint(
  config: Readonly<Record<string, unknown>> = tinyLlama,
  seed = 'tiny',
): RandomCheckpoint {
  const rng = createRng(seed)
  const tensors = new Map<string, TensorF32>()
  for (const [name, shape] of shapesOf(config)) tensors.set(name, randomTensor(name, shape, rng.split(name)))
  return { config, source: memorySource(tensors) }
}

/** The same as a model; whoever has it need not close it. */
export const randomModel = (config: Readonly<Record<string, unknown>> = tinyLlama, seed = 'tiny'): Model =>
  createModel({ ...randomCheckpoint(config, seed), path: 'random' })

function shapesOf(file: Readonly<Record<string, unknown>>): ReadonlyMap<string, readonly number[]> {
  const family = familyOf(file.model_type)
  const config = readConfig(textConfig(file), family)
  const { tensors } = family
  const prefix = tensors.prefixes[0]!
  const { vocabSize, embeddingSize, hiddenSize, maxPositions } = config
  const shapes = new Map<string, readonly number[]>([[prefix + tensors.embedding, [vocabSize, embeddingSize]]])
  if (!config.tied) shapes.set(tensors.head, [vocabSize, embeddingSize])
  if (tensors.positions)
    shapes.set(prefix + tensors.positions.name, [maxPositions + tensors.positions.offset, hiddenSize])
  if (embeddingSize !== hiddenSize) shapes.set(prefix + tensors.projectIn!, [hiddenSize, embeddingSize])
  const head = createTrace(config)
  family.headInput(head.tracer, streamInput(config))
  for (const [name, { shape }] of head.parameters) shapes.set(prefix + name, shape as readonly number[])
  for (let block = 0; block < config.blocks; block++)
    for (const [name, shape] of traceBlock(family, config, block).shapes)
      shapes.set(
        `${prefix}${tensors.blocks}${block}.${name}`,
        family.transposed?.includes(name) ? shape.toReversed() : shape,
      )
  return shapes
}

/** Matrices that keep the size of what they are multiplied with, norms near 1, small biases. */
function randomTensor(name: string, shape: readonly number[], rng: Rng): TensorF32 {
  const isNorm = shape.length === 1 && name.endsWith('.weight')
  const size = shape.length === 2 ? 1 / Math.sqrt(Math.min(...shape)) : 0.1
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => (isNorm ? 1 : 0) + size * rng.normal()),
  )
}

function memorySource(tensors: ReadonlyMap<string, TensorF32>): TensorSource {
  const get = (name: string): TensorF32 => {
    const found = tensors.get(name)
    if (!found) throw new FormatError('missing', `memory: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  return {
    kind: 'safetensors',
    names: () => [...tensors.keys()],
    has: name => tensors.has(name),
    info: name => {
      const { dtype, shape, data } = get(name)
      return { encoding: 'F32', dtype, shape, bytes: data.byteLength }
    },
    read: async name => {
      const found = get(name)
      return { ...found, data: found.data.slice() }
    },
    readRows: async (name, start, count) => {
      const { shape, data } = get(name)
      checkRows(name, shape, start, count)
      const width = data.length / shape[0]!
      return f32([count, ...shape.slice(1)], data.slice(start * width, (start + count) * width))
    },
    close: async () => {},
  }
}
