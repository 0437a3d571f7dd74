import { f32, sizeOf, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import { type OpenFile, openFile } from '../io/file.ts'
import { type Config, headsOf } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { type GgufSource, openGguf } from './gguf.ts'
import { configFromMetadata } from './gguf-config.ts'
import { ggufFamilyOfArch } from './gguf-families.ts'
import type { GgufFamily } from './gguf-family/family.ts'
import { fromGgufLayout, type GgufLayout, ggufLayout, isPlainLayout } from './gguf-layout.ts'
import { blockOf, hfName } from './gguf-names.ts'
import { type GgufTokenizer, tokenizerFromGguf } from './gguf-tokenizer-read.ts'
import { stringOf } from './gguf-value.ts'
import { checkRows, type TensorInfo, type TensorSource } from './source.ts'

/** A GGUF file as a model: Hugging Face names, orientation and config. */
export interface GgufModel {
  readonly config: Config
  readonly source: TensorSource
  readonly tokenizer?: GgufTokenizer
  /** Why there is no tokenizer although the file has one: it is of a kind that is not read here. */
  readonly tokenizerProblem?: string
  /** The file itself, with its own names, for those who want the stored bytes. */
  readonly file: GgufSource
}

/** A number for each pair of channels of a head. Tables are read to know the model: a hostile one must not cost memory. */
const MAX_TABLE = 2 ** 14

/** Tables computed from the config, not parameters. */
const ropeTables = ['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight']

/**
 * Opens a GGUF file as a model.
 * @throws FormatError as `openGguf` does; `unsupported` for an architecture that is not known
 */
export async function openGgufModel(path: string, open: OpenFile = openFile): Promise<GgufModel> {
  return ggufModel(await openGguf(path, open), path)
}

/** An open file as a model. It is closed when it is not one. @throws as `openGgufModel` does */
export async function ggufModel(file: GgufSource, path: string): Promise<GgufModel> {
  try {
    const family = ggufFamilyOfArch(stringOf(file.metadata.get('general.architecture')))
    const tables = new Map<string, TensorF32>()
    for (const name of ropeTables) if (file.has(name)) tables.set(name, await readTable(file, name, path))
    const config = configFromMetadata(family, file.metadata, file.has, name => tables.get(name))
    const parts = new Map<string, Part>()
    for (const name of file.names()) {
      const hf = hfName(family, name)
      if (hf !== undefined) parts.set(hf, { name, layout: layoutOf(family, config, hf, file.info(name)) })
      else if (!tables.has(name))
        throw new FormatError('unsupported', `${path}: the tensor ${JSON.stringify(name)} is not one of ${family.arch}`)
    }
    return { config, file, source: renamed(file, parts, path), ...tokenizerOf(file) }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readTable(file: GgufSource, name: string, path: string): Promise<TensorF32> {
  const { shape } = file.info(name)
  if (sizeOf(shape) > MAX_TABLE) throw new FormatError('limit', `${path}: ${name} is [${shape}]; ${MAX_TABLE} are read`)
  return toF32(await file.read(name))
}

function layoutOf(family: GgufFamily, config: Config, hf: string, { shape }: TensorInfo): GgufLayout {
  const layout = ggufLayout(family, hf, headsOf(config, blockOf(family, hf)), shape[0] ?? 0)
  if (!layout.transpose || shape.length === 2) return layout
  throw new FormatError('size', `${hf}: expected a matrix, got [${shape}]`)
}

/** An unfamiliar tokenizer must not keep anybody from the weights. */
function tokenizerOf(file: GgufSource): Pick<GgufModel, 'tokenizer' | 'tokenizerProblem'> {
  try {
    const tokenizer = tokenizerFromGguf(file.metadata)
    return tokenizer ? { tokenizer } : {}
  } catch (error) {
    if (error instanceof FormatError && error.code === 'unsupported') return { tokenizerProblem: error.message }
    throw error
  }
}

interface Part {
  readonly name: string
  readonly layout: GgufLayout
}

function renamed(file: GgufSource, parts: ReadonlyMap<string, Part>, path: string): TensorSource {
  const part = (name: string): Part => {
    const found = parts.get(name)
    if (!found) throw new FormatError('missing', `${path}: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  const read = async (name: string): Promise<Tensor> => {
    const { name: stored, layout } = part(name)
    const value = await file.read(stored)
    return isPlainLayout(layout) ? value : fromGgufLayout(layout, toF32(value))
  }
  return {
    kind: 'gguf',
    names: () => [...parts.keys()],
    has: name => parts.has(name),
    info: name => {
      const { name: stored, layout } = part(name)
      const info = file.info(stored)
      if (isPlainLayout(layout)) return info
      return { ...info, dtype: 'f32', shape: layout.transpose ? info.shape.toReversed() : info.shape }
    },
    read,
    readRows: async (name, start, count) => {
      const { name: stored, layout } = part(name)
      if (isPlainLayout(layout)) return file.readRows(stored, start, count)
      // Rows that changed places lie anywhere: these tensors are small enough to be read whole.
      return rowsOf(name, await read(name), start, count)
    },
    close: () => file.close(),
  }
}

function rowsOf(name: string, value: Tensor, start: number, count: number): Tensor {
  checkRows(name, value.shape, start, count)
  const width = value.data.length / value.shape[0]!
  const data = toF32(value).data.slice(start * width, (start + count) * width)
  return f32([count, ...value.shape.slice(1)], data)
}
