import { type Model, openCheckpoint, storedLayers, type TrainSetup } from '@sinter/model'
import type { Tensor, TensorF32, Weight } from '@sinter/tensor-core'
import { outputPath } from '../plan/output-place.ts'
import { parseFormat } from '../registry/formats.ts'
import type { CompressedSource } from '../run/compressed-source.ts'
import { type OutputJob, writeOutput } from '../run/write-output.ts'
import type { TrainRecipe } from './train-recipe.ts'

/**
 * Writes the model as it is after training: moved tensors, rounded backbones, adapters merged.
 * @returns the folder or file
 */
export async function writeTrained(
  model: Model,
  setup: TrainSetup,
  frozen: ReadonlyMap<string, Weight>,
  recipe: TrainRecipe,
  { out, signal, onProgress }: Pick<OutputJob, 'out' | 'signal' | 'onProgress'>,
): Promise<string> {
  const output = parseFormat(recipe.output.format)
  const path = outputPath(out, output)
  const checkpoint = await openCheckpoint(model.path)
  try {
    const source = trainedSource(model, setup, frozen)
    const compressed = new Set(storedLayers(model).map(({ stored }) => `${stored}.weight`))
    await writeOutput({ input: model.path, output, compressed, out: path, signal, onProgress }, source, checkpoint)
    return path
  } finally {
    await checkpoint.close()
  }
}

function trainedSource(model: Model, setup: TrainSetup, frozen: ReadonlyMap<string, Weight>): CompressedSource {
  const { source } = model
  const { parameters } = setup
  const layers = new Set(storedLayers(model).map(({ stored }) => stored))
  const own = async (name: string): Promise<Tensor> =>
    parameters.get(name) ?? frozen.get(name)?.dense() ?? source.read(name)
  const merged = async (name: string): Promise<TensorF32 | Weight | undefined> => {
    const layer = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : ''
    if (!layers.has(layer)) return undefined
    const value = await own(name)
    return setup.merge?.(layer, value as TensorF32) ?? frozen.get(name)
  }
  const weight = async (name: string) => {
    const found = await merged(name)
    return found && 'kind' in found ? found : undefined
  }
  const read = async (name: string): Promise<Tensor> => {
    const found = await merged(name)
    if (found) return 'kind' in found ? found.dense() : found
    return own(name)
  }
  return {
    names: () => source.names(),
    info: name => source.info(name),
    weight,
    changed: async name => parameters.has(name) || (await merged(name)) !== undefined,
    read,
    async *pieces(name) {
      yield { start: 0, rows: await read(name) }
    },
    inBlockOrder: () => source.names(),
  }
}
