import {
  assertFinite,
  FormatError,
  fromGgufLayout,
  type GgufMetadata,
  type GgufSource,
  type LowRankFactors,
  type Model,
  nearestName,
  numberOf,
  openGguf,
  storedLayers,
  stringOf,
} from '@sinter/model'
import { type TensorF32, toF32 } from '@sinter/tensor-core'
import { familyInGguf, layerInGguf } from './gguf-adapter-names.ts'

/**
 * No adapter has more: LoRA of a rank like the matrix's own width is larger than the matrix. A file's rank decides what is
 * allocated, so it is held against this and against the layer before anything is read.
 */
const MAX_RANK = 2 ** 14

/**
 * Reads an adapter file of llama.cpp for a model. Nothing in it is believed: every tensor must be a factor of a layer of the model,
 * of its shape, both factors of one rank, and finite. One alpha stands for the file: the scale of a layer is alpha / rank.
 * @returns by stored layer name
 * @throws FormatError naming the file and what is wrong with it
 */
export async function readGgufAdapter(path: string, model: Model): Promise<Map<string, LowRankFactors>> {
  const file = await openGguf(path)
  try {
    const alpha = checkMetadata(path, file.metadata, familyInGguf(model).arch)
    return await readLayers(path, file, model, alpha)
  } finally {
    await file.close()
  }
}

function checkMetadata(path: string, metadata: GgufMetadata, arch: string): number {
  for (const [key, wanted] of [
    ['general.type', 'adapter'],
    ['adapter.type', 'lora'],
    ['general.architecture', arch],
  ] as const) {
    const got = stringOf(metadata.get(key))
    if (got !== wanted)
      throw new FormatError('schema', `${path}: expected ${key} to be "${wanted}", got ${JSON.stringify(got)}`)
  }
  const alpha = numberOf(metadata.get('adapter.lora.alpha'))
  if (alpha !== undefined && Number.isFinite(alpha)) return alpha
  throw new FormatError('schema', `${path}: expected adapter.lora.alpha to be a number, got ${alpha}`)
}

async function readLayers(
  path: string,
  file: GgufSource,
  model: Model,
  alpha: number,
): Promise<Map<string, LowRankFactors>> {
  const family = familyInGguf(model)
  const adapter = new Map<string, LowRankFactors>()
  const known = new Set<string>()
  for (const { stored, shape } of storedLayers(model)) {
    const { weight, layout } = layerInGguf(model, family, stored)
    const [nameA, nameB] = [`${weight}.lora_a`, `${weight}.lora_b`]
    known.add(nameA).add(nameB)
    if (!file.has(nameA) && !file.has(nameB)) continue
    const rank = rankOf(path, file, weight)
    const a = await readFactor(path, file, nameA, [rank, shape[1]])
    const b = fromGgufLayout(layout, await readFactor(path, file, nameB, [shape[0], rank]))
    adapter.set(stored, { a, b, scale: alpha / rank })
  }
  const strange = file.names().find(name => !known.has(name))
  if (strange !== undefined)
    throw new FormatError(
      'schema',
      `${path}: the tensor ${JSON.stringify(strange)} is no factor of a layer of the model; the nearest is ${nearestName(strange, [...known])}`,
    )
  if (adapter.size === 0) throw new FormatError('schema', `${path}: has no adapter`)
  return adapter
}

function rankOf(path: string, file: GgufSource, weight: string): number {
  const [a, b] = (['a', 'b'] as const).map(factor => file.has(`${weight}.lora_${factor}`))
  if (!a || !b) throw new FormatError('missing', `${path}: ${weight} has only its factor ${a ? 'A' : 'B'}`)
  const rank = file.info(`${weight}.lora_a`).shape[0] ?? 0
  if (rank >= 1 && rank <= MAX_RANK) return rank
  throw new FormatError('limit', `${path}: ${weight}: expected a rank of 1 … ${MAX_RANK}, got ${rank}`)
}

async function readFactor(path: string, file: GgufSource, name: string, shape: readonly number[]): Promise<TensorF32> {
  const { shape: got, dtype } = file.info(name)
  if (got.join() !== shape.join() || !['f32', 'f16', 'bf16'].includes(dtype))
    throw new FormatError('size', `${path}: ${name}: expected floats [${shape}], got ${dtype} [${got}]`)
  const tensor = toF32(await file.read(name))
  try {
    assertFinite(name, tensor)
  } catch (cause) {
    throw new FormatError('schema', `${path}: ${(cause as Error).message}`, { cause })
  }
  return tensor
}
