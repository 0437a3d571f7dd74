import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  assertFinite,
  atomicWriteFile,
  createOutputFolder,
  encodeSafetensors,
  FormatError,
  type LowRankFactors,
  type Model,
  nearestName,
  openSafetensors,
  parseJsonStrict,
  type SafetensorsSource,
  storedLayers,
} from '@sinter/model'
import { type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import { checkAdapter } from './adapter.ts'
import { checkPeftConfig, type PeftConfig, peftConfigOf } from './peft-config.ts'
import { moduleName, parsePeftName, peftName } from './peft-names.ts'

const CONFIG = 'adapter_config.json'
const WEIGHTS = 'adapter_model.safetensors'

/** Configurations are some kilobytes; those that name every layer with a rank of its own have some hundred. */
const MAX_CONFIG_BYTES = 4 * 2 ** 20

/**
 * Writes adapters as a folder that PEFT opens beside the model they were trained on. It appears when it is complete.
 * @param adapter by stored layer name, as `TrainSetup.adapter` gives it
 * @throws RangeError when it does not fit the model, FormatError `output` when the folder cannot be made
 */
export async function writePeft(
  path: string,
  model: Model,
  adapter: ReadonlyMap<string, LowRankFactors>,
): Promise<void> {
  checkAdapter(model, adapter)
  const tensors = new Map<string, Tensor>()
  for (const [stored, { a, b }] of adapter) {
    const module = moduleName(model, stored)
    tensors.set(peftName(module, 'A'), a).set(peftName(module, 'B'), b)
  }
  const folder = await createOutputFolder(path)
  try {
    const config = `${JSON.stringify(peftConfigOf(model, adapter), undefined, 2)}\n`
    await atomicWriteFile(join(folder.staging, CONFIG), config)
    await atomicWriteFile(join(folder.staging, WEIGHTS), encodeSafetensors(tensors, { format: 'pt' }))
    await folder.commit()
  } catch (error) {
    await folder.abort()
    throw error
  }
}

/**
 * Reads a PEFT folder for a model. Nothing in it is believed: every tensor must be a factor of a layer of the model, of its shape
 * and of the rank that the configuration says, and finite.
 * @returns by stored layer name
 * @throws FormatError naming the file and what is wrong with it
 */
export async function readPeft(path: string, model: Model): Promise<Map<string, LowRankFactors>> {
  const where = join(path, CONFIG)
  const config = checkPeftConfig(parseJsonStrict(await readSmall(where), where), where)
  const source = await openSafetensors(join(path, WEIGHTS)).catch(error => {
    if (!(error instanceof FormatError && error.code === 'missing')) throw error
    const hint = 'adapter_model.bin can run code when opened and is not read: convert it to safetensors'
    throw new FormatError('missing', `${path}: has no ${WEIGHTS}; ${hint}`, { cause: error })
  })
  try {
    return await readFactors(source, config, model, join(path, WEIGHTS))
  } finally {
    await source.close()
  }
}

async function readSmall(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(cause => {
    throw new FormatError('missing', `${path}: cannot be opened (${(cause as NodeJS.ErrnoException).code})`, { cause })
  })
  try {
    const { size } = await file.stat()
    if (size > MAX_CONFIG_BYTES)
      throw new FormatError('limit', `${path}: ${size} bytes; at most ${MAX_CONFIG_BYTES} are read`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

async function readFactors(
  source: SafetensorsSource,
  config: PeftConfig,
  model: Model,
  where: string,
): Promise<Map<string, LowRankFactors>> {
  const layers = new Map(storedLayers(model).map(layer => [moduleName(model, layer.stored), layer]))
  const found = new Map<string, { A?: string; B?: string }>()
  for (const name of source.names()) {
    const parsed = parsePeftName(name)
    if (!parsed || !layers.has(parsed.module)) throw unknownTensor(where, name, parsed?.module, [...layers.keys()])
    const pair = found.get(parsed.module) ?? {}
    if (pair[parsed.factor])
      throw new FormatError('duplicate', `${where}: ${parsed.module} has two tensors ${parsed.factor}`)
    pair[parsed.factor] = name
    found.set(parsed.module, pair)
  }
  if (found.size === 0) throw new FormatError('schema', `${where}: has no adapter`)
  const adapter = new Map<string, LowRankFactors>()
  for (const [module, { stored, shape }] of layers) {
    const pair = found.get(module)
    if (!pair) continue
    const { A, B } = pair
    if (!A || !B) throw new FormatError('missing', `${where}: ${module} has only its factor ${A ? 'A' : 'B'}`)
    const rank = config.rank(module)
    const a = await readFactor(source, A, [rank, shape[1]], where)
    const b = await readFactor(source, B, [shape[0], rank], where)
    adapter.set(stored, { a, b, scale: config.scale(module) })
  }
  return adapter
}

function unknownTensor(where: string, name: string, module: string | undefined, known: readonly string[]): FormatError {
  const what = `${where}: the tensor ${JSON.stringify(name)}`
  if (module === undefined)
    return new FormatError('unsupported', `${what} is neither lora_A nor lora_B of a linear layer`)
  return new FormatError(
    'schema',
    `${what} is for a layer that the model has not; the nearest is ${nearestName(module, known)}`,
  )
}

/** Only the shape's numbers are trusted for memory, once they are what the model says. */
async function readFactor(
  source: SafetensorsSource,
  name: string,
  shape: readonly number[],
  where: string,
): Promise<TensorF32> {
  const { shape: got, dtype } = source.info(name)
  const expected = `expected f32, f16 or bf16 [${shape}]`
  if (got.join() !== shape.join() || !['f32', 'f16', 'bf16'].includes(dtype))
    throw new FormatError('size', `${where}: ${name}: ${expected}, got ${dtype} [${got}]`)
  const tensor = toF32(await source.read(name))
  try {
    assertFinite(name, tensor)
  } catch (cause) {
    throw new FormatError('schema', `${where}: ${(cause as Error).message}`, { cause })
  }
  return tensor
}
