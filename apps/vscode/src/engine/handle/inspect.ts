import { type Model, openToLook, type TensorSource, weigh } from '@sinter/model'
import type { InspectResult, ModelSummary } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'
import { rowOf } from './tensor-row.ts'

/** A host that draws them stays responsive with so many; it asks for the rest. */
const DEFAULT_LIMIT = 10_000

export const inspect: Handler<'inspect'> = async ({ path, offset = 0, limit = DEFAULT_LIMIT }) => {
  const { model, source, problem } = await openToLook(path)
  try {
    const names = source.names()
    return {
      path,
      container: source.kind,
      ...weigh({ source }),
      metadata: metadataOf(source),
      ...(model && { model: summary(model) }),
      ...(problem !== undefined && { problem }),
      tensorCount: names.length,
      offset,
      tensors: names.slice(offset, offset + limit).map(name => rowOf(source, name)),
    }
  } finally {
    await source.close()
  }
}

function summary({ config, hasTokenizer }: Model): ModelSummary {
  const { modelType, blocks, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize, maxPositions } = config
  const { tied } = config
  return {
    family: modelType,
    blocks,
    hiddenSize,
    intermediateSize,
    heads,
    kvHeads,
    headDim,
    vocabSize,
    maxPositions,
    tied,
    tokenizer: hasTokenizer,
  }
}

/** A vocabulary is metadata too in GGUF: a hundred thousand texts are not for a table. */
const MAX_VALUE = 300
const MAX_KEYS = 4096

function metadataOf(source: TensorSource): InspectResult['metadata'] {
  const metadata = 'metadata' in source ? source.metadata : undefined
  if (typeof metadata !== 'object' || metadata === null) return []
  const entries = metadata instanceof Map ? [...metadata] : Object.entries(metadata)
  return entries.slice(0, MAX_KEYS).map(([key, value]) => ({ key: cut(String(key)), value: cut(show(value)) }))
}

function show(value: unknown): string {
  if (typeof value === 'string') return value
  const inner = typeof value === 'object' && value !== null && 'value' in value ? value.value : value
  if (Array.isArray(inner) || ArrayBuffer.isView(inner))
    return `${(inner as unknown as ArrayLike<unknown>).length} values`
  return typeof inner === 'object' && inner !== null ? `${Object.keys(inner).length} values` : String(inner)
}

const cut = (text: string): string => (text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text)
