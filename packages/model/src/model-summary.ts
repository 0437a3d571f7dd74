import type { Model } from './model.ts'

/** What a checkpoint takes. */
export interface Weigh {
  /** Elements of all tensors; a tied embedding counts once. */
  readonly parameters: number
  /** Bytes of all tensors as stored. */
  readonly tensorBytes: number
  readonly bitsPerWeight: number
}

export function weigh({ source }: Pick<Model, 'source'>): Weigh {
  let parameters = 0
  let tensorBytes = 0
  for (const name of source.names()) {
    const { shape, bytes } = source.info(name)
    parameters += shape.reduce((size, dim) => size * dim, 1)
    tensorBytes += bytes
  }
  return { parameters, tensorBytes, bitsPerWeight: parameters > 0 ? (8 * tensorBytes) / parameters : 0 }
}

export interface ModelSummary extends Weigh {
  readonly container: string
  /** `model_type` of its configuration. */
  readonly family: string
  readonly blocks: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly maxPositions: number
  /** Whether the output embedding is the input's. */
  readonly tied: boolean
  readonly tokenizer: { readonly tokens: number; readonly chatTemplate: boolean } | null
}

/** What a model is, from its header and configuration. */
export function summarize(model: Model): ModelSummary {
  const { config, source, tokenizer } = model
  const { modelType, blocks, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, maxPositions } = config
  return {
    container: source.kind,
    family: modelType,
    blocks,
    hiddenSize,
    intermediateSize,
    heads,
    kvHeads,
    headDim,
    vocabSize,
    maxPositions,
    tied: config.tied,
    tokenizer: tokenizer ? { tokens: tokenizer.vocabSize, chatTemplate: tokenizer.chatTemplate !== undefined } : null,
    ...weigh(model),
  }
}
