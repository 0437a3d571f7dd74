import { castTo, type DType, type Tensor, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import type { Checkpoint } from '../hf-directory.ts'
import {
  copySideFiles,
  createWeightsWriter,
  type WeightsWriter,
  writeConfig,
  writeTokenizerFiles,
} from '../hf-write.ts'
import { createOutputFolder } from '../output-folder.ts'
import type { SafetensorsSpec } from '../safetensors-layout.ts'
import type { TensorInfo } from '../source.ts'
import type { FolderFormat, Scheme } from './folder-format.ts'

/** What is written: tensors by name, of which some have a compressed form. */
export interface FolderSource {
  names(): readonly string[]
  info(name: string): TensorInfo
  read(name: string): Promise<Tensor>
  weight(name: string): Promise<Weight | undefined>
  /** A tensor by rows, in order: for those that are too large to be held. */
  pieces?(name: string): AsyncIterable<{ readonly start: number; readonly rows: Tensor }>
}

export interface FolderOptions {
  /** What is being read: the output must not lie inside it. */
  readonly input?: string
  readonly onTensor?: (done: number, total: number) => void
  readonly signal?: AbortSignal | undefined
  /** Matrices of a stranger form are stored as plain numbers, and named; otherwise they are refused. */
  readonly allowPlain?: boolean
}

export interface WrittenFolder {
  /** Names of the matrices that are stored compressed. */
  readonly held: readonly string[]
  /** What was stored otherwise than it was made, and why. */
  readonly notes: readonly string[]
}

/**
 * Writes a model as a Hugging Face folder of compressed matrices, one tensor at a time; what has no compressed form keeps its type.
 * Every weight is asked for twice: the header comes before the data.
 * @throws FormatError `unsupported` for a matrix that the format cannot hold, `output` as `createOutputFolder` does
 */
export async function writeCompressedFolder(
  path: string,
  checkpoint: Omit<Checkpoint, 'source'> & { readonly source: FolderSource },
  format: FolderFormat,
  options: FolderOptions = {},
): Promise<WrittenFolder> {
  const { source } = checkpoint
  const output = await createOutputFolder(path, options.input === undefined ? {} : { input: options.input })
  try {
    const plan = await planFolder(source, format, options)
    const writer = createWeightsWriter(output.staging, plan.specs)
    try {
      await writeTensors(writer, source, format, plan, options)
      await writer.commit()
    } catch (error) {
      await writer.abort()
      throw error
    }
    await copySideFiles(checkpoint.folder, checkpoint.files, output.staging, ['config.json'])
    if (checkpoint.files.length === 0) await writeTokenizerFiles(output.staging, checkpoint)
    await writeConfig(output.staging, configWith(checkpoint.config, plan, format))
    await output.commit()
    return { held: [...plan.schemes.keys()].map(stem => `${stem}.weight`), notes: plan.notes }
  } catch (error) {
    await output.abort()
    throw error
  }
}

interface FolderPlan {
  readonly specs: readonly SafetensorsSpec[]
  /** Layers without `.weight` that are compressed. */
  readonly schemes: ReadonlyMap<string, Scheme>
  /** Layers without `.weight` that are plain matrices. */
  readonly plain: readonly string[]
  /** Readers take it for all floats. */
  readonly modelDType: DType | undefined
  readonly notes: readonly string[]
}

const ending = '.weight'

/** What every tensor will be, in the order of the source. */
async function planFolder(source: FolderSource, format: FolderFormat, options: FolderOptions): Promise<FolderPlan> {
  const specs: SafetensorsSpec[] = []
  const schemes = new Map<string, Scheme>()
  // A head that is tied to the embedding has no tensor, and yet is a linear layer.
  const plain = source.names().includes('lm_head.weight') ? [] : ['lm_head']
  const notes: string[] = []
  let modelDType: DType | undefined
  for (const name of source.names()) {
    options.signal?.throwIfAborted()
    const { dtype, shape } = source.info(name)
    const weight = await held(name, source, format, options, notes)
    if (weight) {
      for (const [part, tensor] of Object.entries(partsOf(name, weight, source, format)))
        specs.push({ name: part, dtype: tensor.dtype, shape: tensor.shape })
      schemes.set(stemOf(name), format.schemeOf(weight))
      modelDType ??= format.modelDType?.(weight)
    } else {
      specs.push({ name, dtype, shape })
      if (shape.length === 2 && name.endsWith(ending)) plain.push(stemOf(name))
    }
  }
  return { specs, schemes, plain, modelDType, notes }
}

const stemOf = (name: string): string => name.slice(0, -ending.length)

/** The compressed form of a tensor, if it has one that the format holds. */
async function held(
  name: string,
  source: FolderSource,
  format: FolderFormat,
  options: FolderOptions,
  notes: string[],
): Promise<Weight | undefined> {
  const weight = name.endsWith(ending) ? await source.weight(name) : undefined
  if (!weight || weight.kind === 'dense') return undefined
  const reason = reasonNot(weight, source.info(name), format)
  if (reason === undefined) return weight
  if (!options.allowPlain) throw new FormatError('unsupported', `${name} cannot be stored as ${format.name}: ${reason}`)
  notes.push(`${name}: stored as plain numbers, ${source.info(name).dtype}, for ${reason}`)
  return undefined
}

function reasonNot(weight: Weight, { shape }: TensorInfo, format: FolderFormat): string | undefined {
  if (weight.shape.join() !== shape.join()) return 'its checkpoint keeps it turned, [in, out]'
  return format.cannotHold(weight)
}

const torchNames: Partial<Readonly<Record<DType, string>>> = { f16: 'float16', bf16: 'bfloat16', f32: 'float32' }

function partsOf(
  name: string,
  weight: Weight,
  source: FolderSource,
  format: FolderFormat,
): Readonly<Record<string, Tensor>> {
  const dtype = torchNames[source.info(name).dtype] ?? 'float32'
  const parts = Object.entries(format.tensorsOf(weight, { dtype }))
  return Object.fromEntries(parts.map(([suffix, tensor]) => [`${stemOf(name)}.${suffix}`, tensor]))
}

async function writeTensors(
  writer: WeightsWriter,
  source: FolderSource,
  format: FolderFormat,
  { schemes }: FolderPlan,
  { onTensor, signal }: FolderOptions,
): Promise<void> {
  const names = source.names()
  for (const [i, name] of names.entries()) {
    signal?.throwIfAborted()
    if (!name.endsWith(ending) || !schemes.has(stemOf(name))) await writePlain(writer, source, name)
    else
      for (const [part, tensor] of Object.entries(partsOf(name, (await source.weight(name))!, source, format)))
        await writer.write(part, tensor)
    onTensor?.(i + 1, names.length)
  }
}

async function writePlain(writer: WeightsWriter, source: FolderSource, name: string): Promise<void> {
  const { dtype, shape } = source.info(name)
  if (!source.pieces) return writer.write(name, castTo(await source.read(name), dtype))
  for await (const { start, rows } of source.pieces(name)) {
    const whole = rows.shape[0] === shape[0]
    await (whole ? writer.write(name, castTo(rows, dtype)) : writer.writeRows(name, start, castTo(rows, dtype)))
  }
}

/** The model's type becomes that of the scales: readers bring scales into it, and a bf16 has not the digits of an f16. */
function configWith(config: Config, { schemes, plain, modelDType }: FolderPlan, format: FolderFormat): Config {
  const key = 'torch_dtype' in config && !('dtype' in config) ? 'torch_dtype' : 'dtype'
  return {
    ...config,
    ...(modelDType && { [key]: torchNames[modelDType] }),
    quantization_config: format.config(schemes, plain),
  }
}
