import { type Model, openCheckpoint, type StoredLayer, storedLayers, type TrainSetup } from '@sinter/model'
import { type Tensor, type TensorF32, toF32, type Weight } from '@sinter/tensor-core'
import type { OutputJob } from '../formats/format.ts'
import { outputPath } from '../plan/output-place.ts'
import { formatNamed, parseFormat } from '../registry/formats.ts'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * Writes the model as it is after training: moved tensors, rounded backbones, adapters merged.
 * @returns the folder or file
 */
export async function writeTrained(
  model: Model,
  setup: TrainSetup,
  frozen: ReadonlyMap<string, Weight>,
  recipe: Pick<TrainRecipe, 'output'>,
  { out, threads, signal, onProgress }: Pick<OutputJob, 'out' | 'threads' | 'signal' | 'onProgress'>,
): Promise<string> {
  const output = parseFormat(recipe.output.format)
  const path = outputPath(out, output)
  const checkpoint = await openCheckpoint(model.path)
  try {
    const source = trainedSource(model, setup, frozen)
    const compressed = new Set(storedLayers(model).map(({ stored }) => `${stored}.weight`))
    const format = formatNamed(output.container)
    const types = format.typesOf?.(output.encoding, model, false)
    const job = { input: model.path, type: output.encoding, compressed, types, out: path, threads, signal, onProgress }
    await format.write(job, source, checkpoint)
    return path
  } finally {
    await checkpoint.close()
  }
}

function trainedSource(model: Model, setup: TrainSetup, frozen: ReadonlyMap<string, Weight>): CompressedSource {
  const { source } = model
  const { parameters } = setup
  const layers = new Map(storedLayers(model).map(layer => [layer.stored, layer]))
  const layerOf = (name: string, ending: string) =>
    name.endsWith(ending) ? layers.get(name.slice(0, -ending.length)) : undefined
  const own = async (name: string): Promise<Tensor> =>
    parameters.get(name) ?? frozen.get(name)?.dense() ?? source.read(name)
  /** The layer's own matrix as methods know it, `[out, in]` whatever the checkpoint's layout: turning it is its own inverse. */
  const matrix = async ({ stored, name }: StoredLayer) =>
    model.storedForm(`${name}.weight`, toF32(await own(`${stored}.weight`)))
  /** `[out, in]` */
  const merged = async (name: string): Promise<TensorF32 | Weight | undefined> => {
    const layer = setup.merge && layerOf(name, '.weight')
    return layer && setup.merge!(layer.stored, await matrix(layer))
  }
  const mergedBias = async (name: string): Promise<TensorF32 | undefined> => {
    const layer = setup.mergeBias && layerOf(name, '.bias')
    return layer && setup.mergeBias!(layer.stored, await matrix(layer), toF32(await own(name)))
  }
  const weight = async (name: string) => {
    const found = await merged(name)
    if (found) return 'kind' in found ? found : undefined
    const turned = model.family.transposed?.includes(`${layerOf(name, '.weight')?.name}.weight`)
    return turned ? undefined : frozen.get(name)
  }
  const read = async (name: string): Promise<Tensor> => {
    const found = await merged(name)
    if (!found) return (await mergedBias(name)) ?? own(name)
    const dense = 'kind' in found ? found.dense() : found
    return model.storedForm(`${layerOf(name, '.weight')!.name}.weight`, dense)
  }
  return {
    names: () => source.names(),
    info: name => source.info(name),
    weight,
    changed: async name =>
      parameters.has(name) || frozen.has(name) || ((await merged(name)) ?? (await mergedBias(name))) !== undefined,
    read,
    async *pieces(name) {
      yield { start: 0, rows: await read(name) }
    },
    inBlockOrder: () => source.names(),
  }
}
