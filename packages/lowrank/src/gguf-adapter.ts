import {
  createGgufWriter,
  encodingNamed,
  type GgufMetadata,
  ggufF32,
  ggufString,
  type LowRankFactors,
  type Model,
  toGgufLayout,
} from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'
import { checkAdapter } from './adapter.ts'
import { familyInGguf, layerInGguf } from './gguf-adapter-names.ts'

export interface GgufAdapterOptions {
  readonly encoding?: 'F32' | 'F16' | 'BF16'
  /** `general.name` */
  readonly name?: string
}

/**
 * Writes adapters as a GGUF file that llama.cpp applies to the GGUF of their model, whatever that is quantized to.
 * llama.cpp multiplies B A by alpha / rank with one alpha for the file: where layers ask for another factor, it goes into B.
 * @param adapter by stored layer name, as `TrainSetup.adapter` gives it
 * @throws FormatError `unsupported` when llama.cpp lacks the family, RangeError when the adapter does not fit the model
 */
export async function writeGgufAdapter(
  path: string,
  model: Model,
  adapter: ReadonlyMap<string, LowRankFactors>,
  { encoding = 'F32', name }: GgufAdapterOptions = {},
): Promise<void> {
  checkAdapter(model, adapter)
  const family = familyInGguf(model)
  const [first] = adapter.values()
  const alpha = Math.fround(first!.scale * first!.a.shape[0]!)
  const tensors = new Map<string, TensorF32>()
  for (const [stored, { a, b, scale }] of adapter) {
    const { weight, layout } = layerInGguf(model, family, stored)
    const ordered = toGgufLayout(layout, b)
    tensors.set(`${weight}.lora_a`, a).set(`${weight}.lora_b`, times(ordered, (scale * a.shape[0]!) / alpha))
  }
  const specs = [...tensors].map(([tensor, { shape }]) => ({ name: tensor, shape, encoding: encodingNamed(encoding) }))
  const writer = await createGgufWriter(path, metadataOf(family.arch, alpha, name), specs)
  try {
    for (const [tensor, value] of tensors) await writer.write(tensor, value)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

function metadataOf(arch: string, alpha: number, name: string | undefined): GgufMetadata {
  return new Map([
    ['general.type', ggufString('adapter')],
    ['general.architecture', ggufString(arch)],
    ...(name === undefined ? [] : ([['general.name', ggufString(name)]] as const)),
    ['adapter.type', ggufString('lora')],
    ['adapter.lora.alpha', ggufF32(alpha)],
  ])
}

const times = (tensor: TensorF32, by: number): TensorF32 =>
  by === 1 ? tensor : { ...tensor, data: tensor.data.map(value => value * by) }
