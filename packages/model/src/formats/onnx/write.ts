import { join } from 'node:path'
import { createOnnxBuilder } from '@sinter/tensor-core'
import { createModel } from '../../create-model.ts'
import { atomicWriteFile, makeFolder } from '../../io/atomic.ts'
import type { GgufCheckpoint } from '../gguf-convert.ts'
import { writeConfigFiles } from './config-files.ts'
import { buildDecoder } from './decoder.ts'
import type { TableType } from './embedding.ts'
import { metadataOf } from './metadata.ts'
import { DEFAULT_BLOCK } from './rounded.ts'
import { type SourceLike, sourceOf } from './source-of.ts'
import { createTensorStore } from './tensor-store.ts'
import { type OnnxType, onnxTypeNamed } from './types.ts'

export interface OnnxCheckpoint extends Omit<GgufCheckpoint, 'source'> {
  /** Matrices that it knows in a compressed form keep their codes. */
  readonly source: SourceLike
}

export interface OnnxWriteOptions {
  /** `q4`, `q8`, `int8`, `q2`, `fp16` or `fp32`: what becomes of matrices without a compressed form, and the name of the file. */
  readonly type: string
  /** Of matrices without a compressed form; default by type. */
  readonly linear?: OnnxType['linear']
  /** Columns that share a scale where matrices are rounded here: 16 … 256, a power of 2. */
  readonly blockSize?: number
  /** Of embedding and head; default by type. */
  readonly embeddings?: TableType
  /** Of `MatMulNBits`. 4, the default, rounds what enters to 8 bits, as llama.cpp does: on processors it is far faster, and 2 and 8 bits have no other fast kernel. 1 computes in f32. */
  readonly accuracyLevel?: 0 | 1 | 2 | 3 | 4
  /**
   * Looks rows of a compressed embedding up by `GatherBlockQuantized`. The builds of ONNX Runtime that transformers.js loads in
   * browsers lack it for processors, so ordinary operations are the default; they touch only the rows that occur.
   */
  readonly gatherBlocks?: boolean
  /** For onnxruntime-genai: its configuration, and no input that it would not feed. */
  readonly genai?: boolean
  readonly maxChunkBytes?: number
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: (done: number, total: number) => void
}

export interface OnnxResult {
  /** The model file, relative to the folder. */
  readonly file: string
  /** What one must know of it. */
  readonly notes: readonly string[]
}

/**
 * Writes a checkpoint as a decoder with a cache for ONNX Runtime, in the layout of transformers.js: `onnx/model_q4.onnx` with its
 * data beside it, configuration and tokenizer around. One block is held at a time.
 * @param folder an empty folder, as `createOutputFolder` stages it
 * @throws FormatError when family or configuration are not known, `disk-full`
 */
export async function writeOnnx(
  folder: string,
  checkpoint: OnnxCheckpoint,
  options: OnnxWriteOptions,
): Promise<OnnxResult> {
  const named = onnxTypeNamed(options.type)
  const type = { ...named, linear: options.linear ?? named.linear }
  const source = sourceOf(checkpoint.source)
  const model = createModel({ config: checkpoint.config, source, path: folder })
  const file = `model${type.suffix}.onnx`
  const inner = join(folder, 'onnx')
  await makeFolder(inner)
  const builder = createOnnxBuilder()
  const store = createTensorStore(builder, inner, file, options.maxChunkBytes)
  const { accuracyLevel = 4, blockSize = DEFAULT_BLOCK, embeddings = type.table, genai = false } = options
  const { gatherBlocks = genai } = options
  try {
    const records = await buildDecoder(
      {
        builder,
        store,
        accuracyLevel,
        gatherBlocks,
        integerProducts: type.integerProducts === true,
        rounded: new Map(),
      },
      { model, source, type, blockSize, embeddings, genai, signal: options.signal, onTensor: options.onTensor },
    )
    const names = await store.commit()
    await atomicWriteFile(join(inner, file), builder.finish(metadataOf(records, store.kept)))
    const config = {
      folder,
      checkpoint: { ...checkpoint, source },
      config: model.config,
      type,
      file,
      chunks: names.length,
      genai,
    }
    await writeConfigFiles(config)
  } catch (error) {
    await store.abort()
    throw error
  }
  return { file: `onnx/${file}`, notes: notesOf(model.config.rope?.type) }
}

const notesOf = (rope: string | undefined): readonly string[] =>
  rope === 'longrope'
    ? ['a text that grows past the original length keeps the keys of its beginning as the short table turned them']
    : []
