import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import { isObject } from '../json-strict.ts'
import { intField, type Layer, layerError } from './found.ts'

/** What a group of the config says of weights. */
export interface CtScheme {
  readonly bits: number
  readonly type: 'int' | 'float'
  /** Columns that share a scale, where there is more than one scale in a row. */
  readonly groupSize?: number
  /** Rows and columns that share a scale. */
  readonly block?: readonly [number, number]
}

/** Every group is looked at for every layer; published models have a handful. */
const MAX_GROUPS = 64

/** Sides of tiles are 128 in practice; no matrix is wider than this. */
const MAX_SIDE = 2 ** 24

/** The schemes of all groups. @throws FormatError `schema`, `limit` */
export function readSchemes({ config_groups: groups }: Config): CtScheme[] {
  if (groups === undefined || groups === null) return []
  if (!isObject(groups)) throw new FormatError('schema', 'quantization_config.config_groups: expected an object')
  const all = Object.values(groups)
  if (all.length > MAX_GROUPS)
    throw new FormatError('limit', `quantization_config.config_groups: ${all.length}; at most ${MAX_GROUPS} are read`)
  return all
    .map(group => (isObject(group) ? group.weights : undefined))
    .filter(isObject)
    .map(schemeOf)
}

function schemeOf(weights: Config): CtScheme {
  const type = weights.type ?? 'int'
  if (type !== 'int' && type !== 'float')
    throw new FormatError(
      'schema',
      `quantization_config: weights.type: expected int or float, got ${JSON.stringify(type)}`,
    )
  const grouped = weights.strategy === 'group' || weights.strategy === 'tensor_group' || weights.strategy === undefined
  const named = typeof weights.group_size === 'number' && weights.group_size > 0
  const structure = weights.block_structure
  return {
    bits: intField(weights, 'num_bits', 1, 8),
    type,
    ...(grouped && named && { groupSize: intField(weights, 'group_size', 1, MAX_SIDE) }),
    ...(weights.strategy === 'block' && { block: blockOf(structure) }),
  }
}

function blockOf(structure: unknown): readonly [number, number] {
  // Older files spell it 128x128.
  const sides = typeof structure === 'string' ? structure.split('x').map(Number) : structure
  const good = (side: unknown) => Number.isInteger(side) && (side as number) >= 1 && (side as number) <= MAX_SIDE
  if (Array.isArray(sides) && sides.length === 2 && sides.every(good)) return sides as [number, number]
  throw new FormatError(
    'schema',
    `quantization_config: block_structure: expected [rows, columns], got ${JSON.stringify(structure)}`,
  )
}

/**
 * The scheme of a layer of whole numbers. It is taken from the tensors, which must fit one of those in the config, and not from the
 * patterns of its targets: a pattern from a file can keep a matcher busy for ever.
 * @throws FormatError `unsupported` when several fit and would give different numbers
 */
export function fittingScheme(
  layer: Layer,
  schemes: readonly CtScheme[],
  [out, width]: readonly [number, number],
  scale: readonly number[],
  fitsBits: (bits: number) => boolean,
): { readonly bits: number; readonly groupSize: number } {
  const scales = scale.reduce((product, dim) => product * dim, 1)
  const fitting = schemes
    .filter(({ type, bits }) => type === 'int' && fitsBits(bits))
    .map(({ bits, groupSize = width }) => ({ bits, groupSize }))
    .filter(({ groupSize }) => {
      const groups = Math.ceil(width / groupSize)
      return scales === out * groups || (scales === 1 && groups === 1)
    })
  const [first, ...others] = fitting
  if (!first)
    throw layerError(layer, `no group of the config fits its codes and weight_scale [${scale}]`, 'unsupported')
  if (others.some(other => other.bits !== first.bits || other.groupSize !== first.groupSize))
    throw layerError(layer, 'several groups of the config fit it, with different bits or group sizes', 'unsupported')
  return first
}
