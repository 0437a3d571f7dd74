import { toF32 } from '@sinter/tensor-core'
import type { Config } from './config-fields.ts'
import { encodingNamed } from './encodings.ts'
import { isPlainLayout, toGgufLayout } from './gguf-layout.ts'
import { type GgufPlan, type GgufPlanTensor, planGguf } from './gguf-plan.ts'
import { createGgufShardWriter } from './gguf-shards-write.ts'
import { tokenizerToGguf } from './gguf-tokenizer.ts'
import { type GgufValue, ggufString, ggufU32 } from './gguf-value.ts'
import type { GgufWriter } from './gguf-write.ts'
import type { TensorSource } from './source.ts'

/** `general.file_type`: what most of the file is, for display. */
const fileTypes: Readonly<Record<string, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  BF16: 32,
}

export interface GgufCheckpoint {
  readonly config: Config
  readonly source: Pick<TensorSource, 'names' | 'info' | 'read'> & Partial<Pick<TensorSource, 'readRows'>>
  readonly tokenizerJson?: Config | undefined
  readonly tokenizerConfig?: Config | undefined
  readonly generationConfig?: Config | undefined
  readonly chatTemplate?: string | undefined
}

export interface GgufWriteOptions {
  /** Block encoding of the matrices; a matrix whose rows it does not divide is stored as F16. */
  readonly encoding: string
  /** `general.name` */
  readonly name?: string
  /** Another encoding for a tensor, by its GGUF name. */
  readonly encodingOf?: (tensor: GgufPlanTensor) => string | undefined
  /**
   * The stored bytes of a tensor that is compressed already (its rows in `layout.rowOrder`), or undefined to have the
   * checkpoint's values encoded.
   */
  readonly bytesOf?: (tensor: GgufPlanTensor) => Promise<Uint8Array | undefined>
  /** Most bytes of tensors in a file; more are spread over `NAME-00001-of-00003.gguf` … Default: one file. */
  readonly shardBytes?: number | undefined
  readonly onTensor?: (done: number, total: number) => void
}

/**
 * Writes a checkpoint as GGUF; one tensor, or a part of one, is held at a time.
 * @returns the plan, whose notes say where llama.cpp will compute something else
 * @throws FormatError `unsupported` when llama.cpp lacks the family or an option, `disk-full`
 */
export async function writeGguf(
  path: string,
  checkpoint: GgufCheckpoint,
  options: GgufWriteOptions,
): Promise<GgufPlan> {
  const plan = planGguf(checkpoint.config, checkpoint.source)
  const tokenizer = tokenizerKeys(checkpoint, plan)
  const encodingOf = (tensor: GgufPlanTensor): string => {
    if (tensor.keepF32) return 'F32'
    const wanted = options.encodingOf?.(tensor) ?? options.encoding
    return (tensor.shape.at(-1) ?? 1) % encodingNamed(wanted).blockSize === 0 ? wanted : 'F16'
  }
  const specs = [
    ...[...plan.extra].map(([name, { shape }]) => ({ name, shape, encoding: encodingNamed('F32') })),
    ...plan.tensors.map(t => ({ name: t.name, shape: t.shape, encoding: encodingNamed(encodingOf(t)) })),
  ]
  const metadata = new Map([...plan.metadata, ...general(options), ...tokenizer.keys])
  const writer = await createGgufShardWriter(path, metadata, specs, options.shardBytes)
  try {
    for (const [name, value] of plan.extra) await writer.write(name, value)
    for (const [i, tensor] of plan.tensors.entries()) {
      await writeTensor(writer, tensor, checkpoint, options)
      options.onTensor?.(i + 1, plan.tensors.length)
    }
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
  return { ...plan, notes: [...plan.notes, ...tokenizer.notes] }
}

function general(options: GgufWriteOptions): [string, GgufValue][] {
  const type = fileTypes[options.encoding.toUpperCase()]
  return [
    ['general.type', ggufString('model')],
    ['general.quantization_version', ggufU32(2)],
    ...(options.name === undefined ? [] : ([['general.name', ggufString(options.name)]] as [string, GgufValue][])),
    ...(type === undefined ? [] : ([['general.file_type', ggufU32(type)]] as [string, GgufValue][])),
  ]
}

function tokenizerKeys(
  checkpoint: GgufCheckpoint,
  plan: GgufPlan,
): { keys: ReadonlyMap<string, GgufValue>; notes: readonly string[] } {
  const { tokenizerJson, config } = checkpoint
  if (tokenizerJson === undefined)
    return {
      keys: new Map([['tokenizer.ggml.model', ggufString('none')]]),
      notes: ['the checkpoint has no tokenizer.json: the file takes and gives token ids only'],
    }
  const vocabSize = plan.tensors.find(({ name }) => name === 'token_embd.weight')?.shape[0] ?? 0
  return tokenizerToGguf({ ...checkpoint, tokenizerJson, config, vocabSize })
}

/** Values that are held at a time of a tensor that is only encoded: an embedding in f32 would be a gigabyte. */
const ROWS_PIECE = 2 ** 22

async function writeTensor(
  writer: GgufWriter,
  tensor: GgufPlanTensor,
  { source }: GgufCheckpoint,
  options: GgufWriteOptions,
): Promise<void> {
  const bytes = await options.bytesOf?.(tensor)
  const [rows = 0, width = 1] = tensor.shape
  if (bytes) await writer.write(tensor.name, bytes)
  else if (tensor.shape.length !== 2 || !isPlainLayout(tensor.layout) || !source.readRows)
    await writer.write(tensor.name, toGgufLayout(tensor.layout, toF32(await source.read(tensor.from))))
  else {
    const piece = Math.max(1, Math.floor(ROWS_PIECE / width))
    for (let start = 0; start < rows; start += piece) {
      const part = await source.readRows(tensor.from, start, Math.min(piece, rows - start))
      await writer.writeRows(tensor.name, start, toF32(part))
    }
  }
}
