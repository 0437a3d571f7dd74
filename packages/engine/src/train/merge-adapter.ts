import { mergeLora, readGgufAdapter, readPeft } from '@sinter/lowrank'
import { openModel, SinterError, type WeightMethod } from '@sinter/model'
import type { Weight } from '@sinter/tensor-core'
import { checkOutput } from '../plan/output-place.ts'
import { parseFormat } from '../registry/formats.ts'
import { findMethod } from '../registry/methods.ts'
import { backboneWeights } from './backbone.ts'
import { dataFree } from './check-recipe.ts'
import { writeTrained } from './write-trained.ts'

export interface MergeOptions {
  /** The model that the adapter was trained on. */
  readonly model: string
  readonly out: string
  /** `hf`, `hf:bf16`, `gguf:TYPE` */
  readonly format?: string | undefined
  /** A method that rounds the matrices first, as they were when the adapter was trained: `nf4` for QLoRA. */
  readonly backbone?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (done: number, total: number) => void
}

export interface MergeResult {
  readonly path: string
  /** Layers that had an adapter, and the ranks that there were. */
  readonly layers: number
  readonly ranks: readonly number[]
}

/**
 * Adds an adapter to its model and writes the result.
 * @param adapter a PEFT folder, or llama.cpp's .gguf file of an adapter
 * @throws FormatError for an adapter that cannot be read or is another model's, SinterError for a place that cannot be written
 */
export async function mergeAdapter(adapter: string, options: MergeOptions): Promise<MergeResult> {
  const { out, format = 'hf', backbone, signal, onProgress = () => {} } = options
  const model = await openModel(options.model)
  try {
    await checkOutput(out, parseFormat(format), model.path)
    const factors = await (adapter.endsWith('.gguf') ? readGgufAdapter : readPeft)(adapter, model)
    const method = backbone === undefined ? undefined : roundingMethod(backbone)
    const frozen = method
      ? await backboneWeights(model, { method, options: method.options.parse({}) })
      : new Map<string, Weight>()
    const merge = (layer: string, weight: Parameters<typeof mergeLora>[0]) => {
      const own = factors.get(layer)
      return own && mergeLora(weight, own)
    }
    const setup = { parameters: new Map(), merge }
    const path = await writeTrained(
      model,
      setup,
      frozen,
      { output: { format, adapterOnly: false } },
      { out, signal, onProgress },
    )
    const ranks = new Set([...factors.values()].map(({ a }) => a.shape[0]!))
    return { path, layers: factors.size, ranks: [...ranks].sort((a, b) => a - b) }
  } finally {
    await model.close()
  }
}

/** @throws SinterError `unknown-name`, or `option` for one that looks at activations */
function roundingMethod(name: string): WeightMethod {
  const method = findMethod(name)
  const known = dataFree.map(candidate => candidate.name)
  if (known.includes(name)) return method as WeightMethod
  throw new SinterError('option', `backbone: ${name} needs more than the matrices; choose ${known.join(', ')}`)
}
