import { writeGgufAdapter, writePeft } from '@sinter/lowrank'
import type { Model, TrainSetup } from '@sinter/model'
import type { Weight } from '@sinter/tensor-core'
import { outputPath } from '../plan/output-place.ts'
import { parseFormat } from '../registry/formats.ts'
import type { OutputJob } from '../run/write-output.ts'
import type { TrainRecipe } from './train-recipe.ts'

/** Types that llama.cpp reads adapters in. */
const ggufTypes = ['F32', 'F16', 'BF16'] as const

/** Why an adapter cannot be written in a format; undefined when it can. */
export function adapterFormatProblem(format: string): string | undefined {
  const { container, encoding } = parseFormat(format)
  const known: readonly string[] = container === 'hf' ? ['keep', 'f32'] : ggufTypes
  if (known.includes(encoding)) return undefined
  const formats = ['hf', ...ggufTypes.map(type => `gguf:${type}`)]
  return `an adapter alone is written as ${formats.join(', ')}, not as ${format}`
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
  if (output.container === 'hf') await writePeft(path, model, adapter)
  else await writeGgufAdapter(path, model, adapter, { encoding: output.encoding as (typeof ggufTypes)[number] })
  onProgress(adapter.size, adapter.size)
  return path
}
