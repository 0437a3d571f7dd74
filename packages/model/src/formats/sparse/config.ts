import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import { isObject } from '../json-strict.ts'

/** A file name of its own keeps readers of dense models away: they would take the matrices for missing and draw them anew. */
export const SPARSE_STEM = 'model.sparse'

/** What config.json says in a folder with the smallest forms. */
const SPARSE_FIELD = 'sinter_sparse'
const VERSION = 1

/** Fields of compressed-tensors, under its newer and its older name. */
const foreignFields = ['quantization_config', 'compression_config']
const foreignFormats = new Set(['sparse-bitmask', 'sparse-24-bitmask'])

/** Whether a checkpoint's matrices are stored sparse. @throws FormatError `version` for a later version of the form */
export function isSparseConfig(config: Config): boolean {
  const own = config[SPARSE_FIELD]
  if (own === undefined) return foreignFields.some(field => foreignFormat(config[field]) !== undefined)
  if (isObject(own) && own.version === VERSION) return true
  throw new FormatError(
    'version',
    `config.json: expected ${SPARSE_FIELD} of version ${VERSION}, got ${JSON.stringify(own)}; a newer Sinter reads it`,
  )
}

function foreignFormat(value: unknown): string | undefined {
  const sparsity = isObject(value) ? value.sparsity_config : undefined
  const format = isObject(sparsity) ? sparsity.format : undefined
  return typeof format === 'string' && foreignFormats.has(format) ? format : undefined
}

/** The config of the expanded model. What compressed-tensors says of quantized layers is not ours to drop. */
export function denseConfig(config: Config): Config {
  const kept = Object.entries(config).flatMap(([key, value]) => {
    if (key === SPARSE_FIELD) return []
    if (!foreignFields.includes(key) || foreignFormat(value) === undefined) return [[key, value] as const]
    const { sparsity_config: _, ...rest } = value as Record<string, unknown>
    const quantized = isObject(rest.config_groups) && Object.keys(rest.config_groups).length > 0
    return quantized ? [[key, rest] as const] : []
  })
  return Object.fromEntries(kept)
}

/** Adds what a reader has to know. `forms`: how many matrices have which. */
export const sparseConfig = (config: Config, forms: Readonly<Record<string, number>>): Config => ({
  ...config,
  [SPARSE_FIELD]: { version: VERSION, forms },
})

/**
 * Adds what compressed-tensors up to 0.14 reads.
 * @param modules names of the modules whose weights are stored sparse
 * @param sparsity share of their elements that is zero
 */
export const bitmaskConfig = (config: Config, modules: readonly string[], sparsity: number): Config => ({
  ...config,
  quantization_config: {
    quant_method: 'compressed-tensors',
    format: 'dense',
    quantization_status: 'compressed',
    config_groups: {},
    ignore: [],
    sparsity_config: {
      format: 'sparse-bitmask',
      global_sparsity: sparsity,
      sparsity_structure: 'unstructured',
      targets: modules,
      ignore: [],
    },
  },
})
