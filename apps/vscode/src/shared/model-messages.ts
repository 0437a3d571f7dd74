import { array, boolean, type Guard, nullable, number, object, oneOf, optional, record, text, whole } from './guard.ts'

/** Longer paths than any system has. */
export const path: Guard<string> = text(32_768)
/** Names come from files: their readers refuse longer ones. */
export const name: Guard<string> = text(65_536)
/** Messages quote what came, shortened. */
export const message: Guard<string> = text(2 ** 20)
/** The readers of headers stop at fewer tensors. */
const tensorsMost = 2 ** 20
const shape: Guard<readonly number[]> = array(number, 16)

export interface InspectParams {
  readonly path: string
  /** The first tensor that is told of, and how many. Default: from 0, 10,000. */
  readonly offset?: number | undefined
  readonly limit?: number | undefined
}

export const inspectParams: Guard<InspectParams> = object({
  path,
  offset: optional(whole(0, 2 ** 31)),
  limit: optional(whole(0, 2 ** 20)),
})

export interface TensorRow {
  readonly name: string
  /** As the file names it: `BF16`, `Q4_K`. */
  readonly encoding: string
  readonly shape: readonly number[]
  readonly bytes: number
  /** Stored bits a value, scales and all. */
  readonly bits: number
}

const tensorRow: Guard<TensorRow> = object({ name, encoding: name, shape, bytes: number, bits: number })

export interface ModelSummary {
  readonly family: string
  readonly blocks: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly vocabSize: number
  readonly maxPositions: number
  /** The output embedding is the input's. */
  readonly tied: boolean
  readonly tokenizer: boolean
}

const modelSummary: Guard<ModelSummary> = object({
  family: name,
  blocks: number,
  hiddenSize: number,
  intermediateSize: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  vocabSize: number,
  maxPositions: number,
  tied: boolean,
  tokenizer: boolean,
})

export interface InspectResult {
  readonly path: string
  readonly container: 'safetensors' | 'gguf' | 'onnx'
  /** Of all tensors. */
  readonly parameters: number
  readonly tensorBytes: number
  readonly bitsPerWeight: number
  /** What the header says beside the tensors, as text, long values cut. */
  readonly metadata: readonly { readonly key: string; readonly value: string }[]
  readonly model?: ModelSummary | undefined
  /** Why there is no model to tell of. */
  readonly problem?: string | undefined
  readonly tensorCount: number
  readonly offset: number
  readonly tensors: readonly TensorRow[]
}

export const inspectResult: Guard<InspectResult> = object({
  path,
  container: oneOf('safetensors', 'gguf', 'onnx'),
  parameters: number,
  tensorBytes: number,
  bitsPerWeight: number,
  metadata: array(object({ key: name, value: name }), 4096),
  model: optional(modelSummary),
  problem: optional(message),
  tensorCount: number,
  offset: number,
  tensors: array(tensorRow, tensorsMost),
})

export interface CompareParams {
  readonly original: string
  readonly model: string
}

export const compareParams: Guard<CompareParams> = object({ original: path, model: path })

export interface TensorChange {
  /** Its name in the original. */
  readonly tensor: string
  readonly block: number
  readonly name: string
  readonly shape: readonly number[]
  /** ‖W − W₀‖ / ‖W₀‖; null where the original is all zeros. */
  readonly error: number | null
  /** max |W − W₀| */
  readonly largest: number
}

export interface CompareResult {
  /** Over all matrices; null when the models have none in common. */
  readonly error: number | null
  readonly original: { readonly parameters: number; readonly tensorBytes: number }
  readonly model: { readonly parameters: number; readonly tensorBytes: number }
  readonly tensors: readonly TensorChange[]
}

const size = object<CompareResult['model']>({ parameters: number, tensorBytes: number })

export const compareResult: Guard<CompareResult> = object({
  error: nullable(number),
  original: size,
  model: size,
  tensors: array(
    object<TensorChange>({ tensor: name, block: number, name, shape, error: nullable(number), largest: number }),
    tensorsMost,
  ),
})

/** Which model writes, and how its tokens are drawn. */
export interface SamplingParams {
  readonly path: string
  /** At most this many new tokens. */
  readonly tokens: number
  /** 0, the default: always the likeliest token. */
  readonly temperature?: number | undefined
  readonly topK?: number | undefined
  readonly topP?: number | undefined
  readonly seed?: number | undefined
  readonly threads?: number | undefined
}

export interface GenerateParams extends SamplingParams {
  readonly prompt: string
}

export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** Answers the last message, in the model's own form of a conversation. */
export interface ChatParams extends SamplingParams {
  readonly messages: readonly ChatTurn[]
}

const sampling = {
  path,
  tokens: whole(1, 2 ** 20),
  temperature: optional(number),
  topK: optional(whole(0, 2 ** 31)),
  topP: optional(number),
  seed: optional(whole(0, Number.MAX_SAFE_INTEGER)),
  threads: optional(whole(1, 1024)),
}

export const generateParams: Guard<GenerateParams> = object({ ...sampling, prompt: text(2 ** 20) })

const turn = object<ChatTurn>({ role: oneOf('system', 'user', 'assistant'), content: text(2 ** 20) })

export const chatParams: Guard<ChatParams> = object({ ...sampling, messages: array(turn, 4096) })

export interface CountParams {
  readonly path: string
  readonly text: string
}

export const countParams: Guard<CountParams> = object({ path, text: text(2 ** 22) })

export interface CountResult {
  readonly tokens: number
}

export const countResult: Guard<CountResult> = object({ tokens: number })

/** The text itself comes in `$/text` events too. */
export interface GenerateResult {
  readonly text: string
  readonly ids: readonly number[]
  readonly promptTokens: number
  /** Without the first, which waits for the weights. Null for fewer than two. */
  readonly tokensPerSecond: number | null
}

export const generateResult: Guard<GenerateResult> = object({
  text: text(2 ** 24),
  ids: array(number, 2 ** 20),
  promptTokens: number,
  tokensPerSecond: nullable(number),
})

export interface MethodsResult {
  readonly methods: readonly {
    readonly name: string
    readonly kind: string
    readonly title: string
    readonly paper: string
  }[]
  readonly presets: readonly { readonly name: string; readonly title: string }[]
  readonly formats: readonly {
    readonly name: string
    readonly title: string
    readonly types: readonly string[]
    /** The usual name of the file, where the result is one; a folder when absent. */
    readonly file?: string | undefined
  }[]
}

export const methodsResult: Guard<MethodsResult> = object({
  methods: array(object({ name, kind: name, title: name, paper: name }), 4096),
  presets: array(object({ name, title: name }), 4096),
  formats: array(object({ name, title: name, types: array(name, 4096), file: optional(name) }), 4096),
})

export interface SchemaParams {
  readonly kind: 'compress' | 'train'
}

export const schemaParams: Guard<SchemaParams> = object({ kind: oneOf('compress', 'train') })

/** JSON Schema, draft 2020-12. */
export interface SchemaResult {
  readonly schema: Readonly<Record<string, unknown>>
}

export const schemaResult: Guard<SchemaResult> = object({ schema: record })
