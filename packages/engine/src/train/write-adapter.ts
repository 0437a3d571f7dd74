import type { Model, TrainSetup } from '@sinter/model'
import type { Weight } from '@sinter/tensor-core'
import type { OutputJob } from '../formats/format.ts'
import { outputPath } from '../plan/output-place.ts'
import { formatNamed, formats, parseFormat } from '../registry/formats.ts'
import type { TrainRecipe } from './train-recipe.ts'

/** Why an adapter cannot be written in a format; undefined when it can. */
export function adapterFormatProblem(format: string): string | undefined {
  const { container, encoding } = parseFormat(format)
  if (formatNamed(container).adapter?.types.includes(encoding)) return undefined
  const known = formats.flatMap(({ name, adapter }) => (adapter?.types ?? []).map(type => `${name}:${type}`))
  return `an adapter alone is written as ${known.join(', ')}, not as ${format}`
}

/**
 * Writes what was trained beside the model, and nothing of the model: a folder for PEFT, or a GGUF for llama.cpp.
 * @returns the folder or file
 */
export async function writeAdapter(
  model: Model,
  setup: TrainSetup,
  _frozen: ReadonlyMap<string, Weight>,
  recipe: Pick<TrainRecipe, 'output'>,
  { out, onProgress }: Pick<OutputJob, 'out' | 'signal' | 'onProgress'>,
): Promise<string> {
  const output = parseFormat(recipe.output.format)
  const path = outputPath(out, output)
  const adapter = setup.adapter!()
  await formatNamed(output.container).adapter!.write(path, model, adapter, output.encoding)
  onProgress(adapter.size, adapter.size)
  return path
}
