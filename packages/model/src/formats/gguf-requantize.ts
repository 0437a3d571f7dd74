import { type Encoding, encodingNamed } from './encodings.ts'
import type { GgufSource } from './gguf.ts'
import { QUANTIZATION_VERSION } from './gguf-convert.ts'
import type { GgufJob, GgufJobTensor } from './gguf-job.ts'
import { inMixOrder } from './gguf-mixes.ts'
import { type GgufMetadata, type GgufValue, ggufU32 } from './gguf-value.ts'
import type { TensorInfo } from './source.ts'

export interface RequantizeOptions {
  /** What a tensor is stored as. */
  readonly encodingOf: (name: string, info: TensorInfo) => string
  /** Mean squares of what the columns are multiplied with, `[in]` or `[experts, in]`. */
  readonly importanceOf?: (name: string) => Float32Array | undefined
  readonly fileType: number
  /** Further keys. */
  readonly keys?: ReadonlyMap<string, GgufValue>
}

/**
 * A GGUF file of any architecture as another one, other types of its tensors apart. Everything that is said of the model stays,
 * also what is not known here; what llama-quantize changes is changed as there.
 */
export function requantizeJob(file: GgufSource, options: RequantizeOptions): GgufJob {
  const tensors = file.names().map((name): GgufJobTensor => {
    const info = file.info(name)
    const encoding = encodingNamed(options.encodingOf(name, info))
    const from: Encoding = encodingNamed(info.encoding)
    return {
      name,
      shape: info.shape,
      encoding,
      importance: options.importanceOf?.(name),
      open: async () => ({
        encoding: from,
        read: (start, count, into) => file.readRowBytes(name, start, count, into),
      }),
    }
  })
  return { metadata: requantized(file.metadata, options), tensors: inMixOrder(tensors) }
}

/** Of a file in parts, this is the whole. */
const dropped = ['split.no', 'split.count', 'split.tensors.count']

function requantized(metadata: GgufMetadata, { fileType, keys }: RequantizeOptions): GgufMetadata {
  const set: [string, GgufValue][] = [
    ['general.quantization_version', ggufU32(QUANTIZATION_VERSION)],
    ['general.file_type', ggufU32(fileType)],
    ...(keys ?? []),
  ]
  const changed = [...dropped, ...set.map(([key]) => key)]
  return new Map([...[...metadata].filter(([key]) => !changed.includes(key)), ...set])
}
