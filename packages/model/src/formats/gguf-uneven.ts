import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { type GgufValue, numberOf, numbersOf } from './gguf-value.ts'

/** The sizes that a file may have one of for every block: name in config.json, key after the architecture. */
const sizes = [
  ['num_attention_heads', 'attention.head_count'],
  ['num_key_value_heads', 'attention.head_count_kv'],
  ['intermediate_size', 'feed_forward_length'],
] as const

type Size = (typeof sizes)[number][0]

/** Sizes of a model whose blocks differ: the largest of each for the model, and what a block has instead. */
export interface UnevenSizes {
  readonly largest: { readonly [size in Size]: number }
  /** `per_layer_config` of config.json. */
  readonly perLayer: Config
}

/**
 * Reads the arrays of a `deci` file; a single number stands for all blocks.
 * @param get a key of the architecture
 * @throws FormatError `schema` when a list has another length than there are blocks, `unsupported` for a block without
 *   attention or without MLP
 */
export function unevenSizes(arch: string, blocks: number, get: (name: string) => GgufValue | undefined): UnevenSizes {
  const lists = sizes.map(([size, key]) => [size, listOf(`${arch}.${key}`, blocks, get(key))] as const)
  const largest = Object.fromEntries(lists.map(([size, list]) => [size, Math.max(...list)]))
  const perLayer: Record<string, Config> = {}
  for (let block = 0; block < blocks; block++) {
    const own = lists.filter(([size, list]) => list[block] !== largest[size]).map(([size, list]) => [size, list[block]])
    if (own.length > 0) perLayer[block] = Object.fromEntries(own) as Config
  }
  return { largest: largest as UnevenSizes['largest'], perLayer }
}

function listOf(key: string, blocks: number, value: GgufValue | undefined): readonly number[] {
  const single = numberOf(value)
  const list = single === undefined ? numbersOf(value) : new Array<number>(blocks).fill(single)
  if (list?.length !== blocks)
    throw new FormatError('schema', `gguf: expected ${key} to be a number or ${blocks} of them, got ${list?.length}`)
  const empty = list.findIndex(size => !(size > 0))
  if (empty >= 0)
    throw new FormatError(
      'unsupported',
      `gguf: ${key} is ${list[empty]} in block ${empty}: such blocks are not computed`,
    )
  return list
}
