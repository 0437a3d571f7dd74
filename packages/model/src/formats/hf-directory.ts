import { readFileSync, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { openFile } from '../io/file.ts'
import { isUrl } from '../io/http.ts'
import type { Config } from './config-fields.ts'
import { quantizedSource } from './folders/quantized-source.ts'
import { FormatError } from './format-error.ts'
import { type GgufModel, openGgufModel } from './gguf-model.ts'
import { decodeUtf8, isObject, parseJsonStrict } from './json-strict.ts'
import { openOnnx } from './onnx/open.ts'
import { openSafetensors } from './safetensors.ts'
import { openSafetensorsIndex } from './safetensors-shards.ts'
import type { TensorSource } from './source.ts'
import { SPARSE_STEM } from './sparse/config.ts'
import { expandSparse } from './sparse/source.ts'

/** An opened model folder, .safetensors or .gguf, whatever it was. */
export interface Checkpoint {
  /** What was opened. */
  readonly path: string
  readonly config: Config
  readonly source: TensorSource
  /** In the shape of tokenizer.json. Parsed when it is asked for: vocabularies are large, and much work needs none. */
  readonly tokenizerJson?: Config | undefined
  readonly hasTokenizer: boolean
  readonly tokenizerConfig?: Config
  readonly generationConfig?: Config
  readonly chatTemplate?: string
  /** Why a GGUF's tokenizer could not be read. */
  readonly tokenizerProblem?: string
  /** Names of the small files beside the weights, to be kept as they are. Empty for a GGUF. */
  readonly files: readonly string[]
  /** Where `files` lie. */
  readonly folder: string
  close(): Promise<void>
}

/** Tokenizers with large vocabularies have files of 35 MB; nothing beside the weights is larger. */
const MAX_SIDE_FILE_BYTES = 256 * 2 ** 20

const INDEX = 'model.safetensors.index.json'
const SINGLE = 'model.safetensors'
const SPARSE_INDEX = `${SPARSE_STEM}.safetensors.index.json`

/** Small files that travel with a model. Everything else in the folder is left alone. */
const sideFiles = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'preprocessor_config.json',
  'processor_config.json',
  'LICENSE',
  'LICENSE.txt',
  'README.md',
])

/**
 * Opens a model: a Hugging Face folder, a .safetensors file (or its index) with config.json beside it, a .gguf file, or the
 * .onnx file of an export of ours.
 * Weights are not read.
 * @throws FormatError that says what is missing or malformed
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  if (isUrl(path))
    throw new FormatError('unsupported', `${path}: only \`inspect\` reads over the network: download the model first`)
  const info = await stat(path).catch(() => undefined)
  if (!info) throw new FormatError('missing', `${path}: no such file or folder`)
  if (info.isDirectory()) return openFolder(path, path, await weightsOf(path))
  if (path.endsWith('.gguf')) return ggufCheckpoint(path, await openGgufModel(path))
  if (path.endsWith('.onnx')) return openFolder(path, dirname(dirname(path)), relative(dirname(dirname(path)), path))
  if (path.endsWith('.safetensors') || path.endsWith('.safetensors.index.json'))
    return openFolder(path, dirname(path), basename(path))
  throw new FormatError(
    'unsupported',
    `${path}: expected a folder with config.json and model.safetensors, a .safetensors, .gguf or .onnx file`,
  )
}

/** The weights of a folder: one file, an index, or the only safetensors file there is. */
async function weightsOf(folder: string): Promise<string> {
  const names = await readdir(folder)
  for (const name of [SINGLE, INDEX, SPARSE_INDEX]) if (names.includes(name)) return name
  const found = names.filter(name => name.endsWith('.safetensors'))
  if (found.length === 1) return found[0]!
  const onnx = await onnxIn(join(folder, 'onnx'))
  if (onnx.length === 1) return join('onnx', onnx[0]!)
  const gguf = names.filter(name => name.endsWith('.gguf'))
  const pickle = names.some(name => /\.(bin|pt|pth)$/.test(name))
  const hint =
    gguf.length > 0 || onnx.length > 0
      ? `; give the file: ${join(folder, gguf[0] ?? join('onnx', onnx[0]!))}`
      : pickle
        ? '; .bin and .pt files can run code when opened and are not read: convert them to safetensors'
        : ''
  throw new FormatError('missing', `${folder}: has neither ${SINGLE} nor ${INDEX}${hint}`)
}

const onnxIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.onnx'))

async function openFolder(path: string, folder: string, weights: string): Promise<Checkpoint> {
  const file = await readJson(join(folder, 'config.json'))
  if (!file) throw new FormatError('missing', `${folder}: has no config.json`)
  const tokenizerPath = join(folder, 'tokenizer.json')
  const hasTokenizer = (await stat(tokenizerPath).catch(() => undefined))?.isFile() === true
  let tokenizerJson: Config | undefined
  const tokenizerConfig = await readJson(join(folder, 'tokenizer_config.json'))
  const generationConfig = await readJson(join(folder, 'generation_config.json'))
  const chatTemplate = await readChatTemplate(folder, tokenizerConfig)
  const weightsPath = join(folder, weights)
  const stored = await openWeights(weightsPath)
  const { config, source } = await compressedFolder(folder, file, stored)
  return {
    path,
    folder,
    config,
    source,
    hasTokenizer,
    get tokenizerJson() {
      if (hasTokenizer) tokenizerJson ??= parseObject(readBytesNow(tokenizerPath), tokenizerPath)
      return tokenizerJson
    },
    ...(tokenizerConfig && { tokenizerConfig }),
    ...(generationConfig && { generationConfig }),
    ...(chatTemplate !== undefined && { chatTemplate }),
    files: (await readdir(folder)).filter(name => sideFiles.has(name)).sort(),
    close: () => source.close(),
  }
}

/**
 * A folder of compressed matrices becomes one of matrices, and its config that of a plain model.
 * @throws FormatError as `expandSparse` and `quantizedSource` do
 */
async function compressedFolder(
  folder: string,
  file: Config,
  stored: TensorSource,
): Promise<Pick<Checkpoint, 'config' | 'source'>> {
  // The key of an ONNX export says how that one is loaded, nothing of the model.
  const { 'transformers.js_config': _, ...whole } = file
  try {
    const expanded = await expandSparse(whole, stored)
    const { quantization_config, compression_config, ...config } = expanded.config
    const how = quantization_config ?? compression_config ?? (await earlierConfig(folder, stored))
    if (how === undefined || how === null) return { config, source: expanded.source }
    if (!isObject(how)) throw new FormatError('schema', `${folder}: config.json: quantization_config is not an object`)
    return { config, source: await quantizedSource(how, expanded.source) }
  } catch (error) {
    await stored.close()
    throw error
  }
}

/** What AutoGPTQ and AutoAWQ once wrote into a file of its own. */
async function earlierConfig(folder: string, stored: TensorSource): Promise<Config | undefined> {
  if (!stored.names().some(name => name.endsWith('.qweight'))) return undefined
  const gptq = await readJson(join(folder, 'quantize_config.json'))
  if (gptq) return { quant_method: 'gptq', ...gptq }
  const awq = await readJson(join(folder, 'quant_config.json'))
  return awq && { quant_method: 'awq', ...awq }
}

function openWeights(path: string): Promise<TensorSource> {
  if (path.endsWith('.onnx')) return openOnnx(path)
  return path.endsWith('.json') ? openSafetensorsIndex(path) : openSafetensors(path)
}

/** A GGUF file, on the disk or behind an address, as a checkpoint. */
export function ggufCheckpoint(path: string, model: GgufModel): Checkpoint {
  const { config, source, tokenizer, tokenizerProblem } = model
  return {
    path,
    folder: dirname(path),
    config,
    source,
    hasTokenizer: tokenizer?.tokenizerJson !== undefined,
    ...tokenizer,
    ...(tokenizerProblem !== undefined && { tokenizerProblem }),
    files: [],
    close: () => source.close(),
  }
}

async function readBytes(path: string): Promise<Uint8Array | undefined> {
  const file = await openFile(path).catch(error => {
    if (error instanceof FormatError && error.code === 'missing') return undefined
    throw error
  })
  if (!file) return undefined
  try {
    checkSize(path, file.size)
    return await file.read(0, file.size)
  } finally {
    await file.close()
  }
}

/** For a getter, which cannot wait. A vocabulary takes seconds to parse; to read it is nothing beside that. */
function readBytesNow(path: string): Uint8Array {
  checkSize(path, statSync(path).size)
  return readFileSync(path)
}

function checkSize(path: string, bytes: number): void {
  if (bytes > MAX_SIDE_FILE_BYTES)
    throw new FormatError('limit', `${path}: ${bytes} bytes; at most ${MAX_SIDE_FILE_BYTES} are read`)
}

/**
 * A JSON object from a small file beside the weights; undefined when there is none.
 * @throws FormatError `limit`, `json`, `schema` naming the file
 */
export async function readJson(path: string): Promise<Config | undefined> {
  const bytes = await readBytes(path)
  return bytes && parseObject(bytes, path)
}

function parseObject(bytes: Uint8Array, path: string): Config {
  const value = parseJsonStrict(bytes, path)
  if (!isObject(value)) throw new FormatError('schema', `${path}: expected a JSON object`)
  return value
}

/** A file of its own goes before the one inside tokenizer_config.json, as in transformers. */
async function readChatTemplate(folder: string, tokenizerConfig: Config | undefined): Promise<string | undefined> {
  const path = join(folder, 'chat_template.jinja')
  const own = await readBytes(path)
  if (own) return decodeUtf8(own, path)
  const template = tokenizerConfig?.chat_template
  if (typeof template === 'string') return template
  if (!Array.isArray(template)) return undefined
  const named = template.find(entry => isObject(entry) && entry.name === 'default')
  return isObject(named) && typeof named.template === 'string' ? named.template : undefined
}
