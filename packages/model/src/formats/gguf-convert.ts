import { sizeOf } from '@sinter/tensor-core'
import type { Config } from './config-fields.ts'
import { encodingNamed } from './encodings.ts'
import { type GgufJob, type GgufJobOptions, type GgufJobTensor, type GgufRows, writeGgufJob } from './gguf-job.ts'
import { ggufMixes } from './gguf-mix-table.ts'
import { inMixOrder } from './gguf-mixes.ts'
import { type GgufPlan, type GgufPlanTensor, planGguf } from './gguf-plan.ts'
import { checkpointRows, heldBytes, heldRows, type RowSource } from './gguf-rows.ts'
import { tokenizerToGguf } from './gguf-tokenizer.ts'
import { type GgufValue, ggufString, ggufU32 } from './gguf-value.ts'
import type { TensorSource } from './source.ts'

export interface GgufCheckpoint {
  readonly config: Config
  readonly source: Pick<TensorSource, 'names'> & RowSource
  readonly tokenizerJson?: Config | undefined
  readonly tokenizerConfig?: Config | undefined
  readonly generationConfig?: Config | undefined
  readonly chatTemplate?: string | undefined
}

export interface GgufWriteOptions extends GgufJobOptions {
  /** Block encoding of the matrices; a matrix whose rows it does not divide is stored as F16. */
  readonly encoding: string
  /** `general.name` */
  readonly name?: string
  /** `general.file_type`, what most of the file is. Default: that of `encoding`. */
  readonly fileType?: number | undefined
  /** Further keys. */
  readonly keys?: ReadonlyMap<string, GgufValue>
  /** Another encoding for a tensor, by its GGUF name. */
  readonly encodingOf?: (tensor: GgufPlanTensor) => string | undefined
  /** Mean squares of what the columns of a matrix are multiplied with, `[in]`. */
  readonly importanceOf?: (tensor: GgufPlanTensor) => Float32Array | undefined
  /**
   * The stored bytes of a tensor that is compressed already (its rows in `layout.rowOrder`), or undefined to have the
   * checkpoint's values encoded.
   */
  readonly bytesOf?: (tensor: GgufPlanTensor) => Promise<Uint8Array | undefined>
}

/**
 * Writes a checkpoint as GGUF, tensors in llama.cpp's own order; pieces of a tensor are held at a time, and whole
 * only those whose layout differs.
 * @returns the plan, whose notes say where llama.cpp will compute something else
 * @throws FormatError `unsupported` when llama.cpp lacks the family or an option, `disk-full`
 */
export async function writeGguf(
  path: string,
  checkpoint: GgufCheckpoint,
  options: GgufWriteOptions,
): Promise<GgufPlan> {
  const plan = planGguf(checkpoint.config, checkpoint.source)
  const tokenizer = tokenizerKeys(checkpoint, vocabSizeOf(plan))
  const { job, notes } = checkpointJob(plan, checkpoint.source, tokenizer, options)
  await writeGgufJob(path, job, options)
  return { ...plan, notes }
}

/** What a file says of the tokenizer. */
export interface TokenizerKeys {
  readonly keys: ReadonlyMap<string, GgufValue>
  readonly notes: readonly string[]
}

/** A checkpoint as the file that it will be. */
export function checkpointJob(
  plan: GgufPlan,
  source: RowSource,
  tokenizer: TokenizerKeys,
  options: GgufWriteOptions,
): { readonly job: GgufJob; readonly notes: readonly string[] } {
  const extra = [...plan.extra].map(([name, value]): GgufJobTensor => {
    return { name, shape: value.shape, encoding: encodingNamed('F32'), open: async () => heldRows(value) }
  })
  const tensors = plan.tensors.map(tensor => jobTensor(tensor, source, options))
  return {
    job: {
      metadata: new Map([...plan.metadata, ...general(options), ...tokenizer.keys, ...quantized(options)]),
      tensors: inMixOrder([...extra, ...tensors]),
    },
    notes: [...plan.notes, ...tokenizer.notes],
  }
}

function jobTensor(tensor: GgufPlanTensor, source: RowSource, options: GgufWriteOptions): GgufJobTensor {
  const { name, shape } = tensor
  const encoding = encodingNamed(encodingFor(tensor, options))
  const open = async (): Promise<GgufRows> => {
    const bytes = await options.bytesOf?.(tensor)
    return bytes ? heldBytes(encoding.name, bytes, sizeOf(shape.slice(0, -1))) : checkpointRows(tensor, source)
  }
  return { name, shape, encoding, importance: options.importanceOf?.(tensor), open }
}

/** What a tensor will be stored as. */
function encodingFor(
  tensor: GgufPlanTensor,
  { encoding, encodingOf }: Pick<GgufWriteOptions, 'encoding' | 'encodingOf'>,
): string {
  if (tensor.keepF32) return 'F32'
  const wanted = encodingOf?.(tensor) ?? encoding
  return (tensor.shape.at(-1) ?? 1) % encodingNamed(wanted).blockSize === 0 ? wanted : 'F16'
}

function general({ name }: GgufWriteOptions): [string, GgufValue][] {
  return [
    ['general.type', ggufString('model')],
    ...(name === undefined ? [] : [pair('general.name', ggufString(name))]),
  ]
}

/** Last, as llama-quantize leaves them. */
function quantized({ encoding, fileType, keys }: GgufWriteOptions): [string, GgufValue][] {
  const base = encoding.toUpperCase()
  const type = fileType ?? (ggufMixes[base] ?? Object.values(ggufMixes).find(mix => mix.base === base))?.fileType
  return [
    ['general.quantization_version', ggufU32(QUANTIZATION_VERSION)],
    ...(type === undefined ? [] : [pair('general.file_type', ggufU32(type))]),
    ...(keys ?? []),
  ]
}

/** GGML_QNT_VERSION: the layouts of blocks that ggml has today. */
export const QUANTIZATION_VERSION = 2

const pair = (key: string, value: GgufValue): [string, GgufValue] => [key, value]

/** @param vocabSize rows of the token embedding. @throws FormatError as `tokenizerToGguf` does */
export function tokenizerKeys(checkpoint: Omit<GgufCheckpoint, 'source'>, vocabSize: number): TokenizerKeys {
  const { tokenizerJson, config } = checkpoint
  if (tokenizerJson !== undefined) return tokenizerToGguf({ ...checkpoint, tokenizerJson, config, vocabSize })
  return {
    keys: new Map([['tokenizer.ggml.model', ggufString('none')]]),
    notes: ['the checkpoint has no tokenizer.json: the file takes and gives token ids only'],
  }
}

export const vocabSizeOf = ({ tensors }: GgufPlan): number =>
  tensors.find(({ name }) => name === 'token_embd.weight')?.shape[0] ?? 0
