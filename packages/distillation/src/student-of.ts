import { createModel, type Model, type ModelParts, SinterError, type TensorSource } from '@sinter/model'

/**
 * The parts of a shallower model that starts with chosen blocks of another, and with its embeddings and norms (TF-LLMD,
 * 2305.14864): `createModel` makes a model of them, `overlay` and a learner train it, writers store it. Nothing is read or
 * copied; closing it leaves the teacher open.
 * @param blocks in rising order, counted from 0
 * @throws SinterError `option` for blocks that there are not, or whose place in the model decides what they compute
 */
export function studentOf(teacher: Model, blocks: readonly number[]): ModelParts & { readonly source: TensorSource } {
  checkBlocks(teacher, blocks)
  const parts = {
    config: shallower(teacher, blocks),
    source: chosenBlocks(teacher, blocks),
    tokenizer: teacher.hasTokenizer ? () => teacher.tokenizer : undefined,
    path: `${teacher.path} (blocks ${blocks.join(', ')})`,
  }
  checkLayers(teacher, blocks, createModel(parts))
  return parts
}

/** Blocks must compute in their new places what they did in the old ones. */
function checkLayers(teacher: Model, blocks: readonly number[], student: Model): void {
  for (const [i, block] of blocks.entries()) {
    const [now, before] = [student.config.layers[i]!, teacher.config.layers[block]!]
    const key = (['rope', 'window', 'attentionScale'] as const).find(name => now[name] !== before[name])
    if (key)
      throw new SinterError(
        'option',
        `student: block ${block} of ${teacher.path} as block ${i} would have ${key} ${now[key] ?? 'none'} instead of ${before[key] ?? 'none'}, and its config.json cannot say otherwise; choose blocks that keep the pattern`,
      )
  }
}

function checkBlocks(teacher: Model, blocks: readonly number[]): void {
  const fit = blocks.every((block, i) => Number.isInteger(block) && block >= 0 && (i === 0 || block > blocks[i - 1]!))
  if (fit && blocks.length > 0 && blocks.at(-1)! < teacher.blocks) return
  throw new SinterError(
    'option',
    `student: expected blocks in rising order from 0 … ${teacher.blocks - 1}, got [${blocks.join(', ')}]`,
  )
}

/** Other spellings of `num_hidden_layers`. */
const countKeys = ['num_hidden_layers', 'n_layer', 'num_layers'] as const

function shallower({ configFile, config }: Model, blocks: readonly number[]): Record<string, unknown> {
  const text = configFile.text_config
  const inner = typeof text === 'object' && text !== null && !Array.isArray(text)
  const own = (inner ? text : configFile) as Readonly<Record<string, unknown>>
  const picked: Record<string, unknown> = { ...own, ...listsOf(config, own, blocks) }
  for (const key of countKeys) if (key in own) picked[key] = blocks.length
  return inner ? { ...configFile, text_config: picked } : picked
}

/** What config.json says block by block; said so where it followed from a block's number before. */
function listsOf(
  { raw, layers }: Model['config'],
  own: Readonly<Record<string, unknown>>,
  blocks: readonly number[],
): Record<string, unknown> {
  const lists: Record<string, unknown> = {}
  const windows = layers.map(({ window }) => window !== undefined)
  const mixed = windows.includes(true) && windows.includes(false)
  if (raw.layer_types || mixed)
    lists.layer_types = blocks.map(
      block => raw.layer_types?.[block] ?? (windows[block] ? 'sliding_attention' : 'full_attention'),
    )
  const rotates = layers.map(({ rope }) => (rope === 'none' ? 0 : 1))
  if (raw.no_rope_layers || (rotates.includes(0) && rotates.includes(1)))
    lists.no_rope_layers = blocks.map(block => raw.no_rope_layers?.[block] ?? rotates[block])
  // A model that never had the key does not know it.
  if (own.max_window_layers !== undefined && !mixed)
    lists.max_window_layers = Math.min(blocks.length, Number(own.max_window_layers))
  return lists
}

/** Tensors of the chosen blocks under their new numbers, and all that are in no block. */
function chosenBlocks(teacher: Model, blocks: readonly number[]): TensorSource {
  const { source } = teacher
  const inBlocks = new Set<string>()
  const stems: string[] = []
  for (let block = 0; block < teacher.blocks; block++) {
    const [[name, stored]] = teacher.blockTensors(block).entries() as unknown as [[string, string]]
    stems.push(stored.slice(0, stored.length - name.length))
  }
  for (const name of source.names()) if (stems.some(stem => name.startsWith(stem))) inBlocks.add(name)
  const names = new Map(
    source
      .names()
      .filter(name => !inBlocks.has(name))
      .map(name => [name, name]),
  )
  for (const [i, block] of blocks.entries())
    for (const name of inBlocks)
      if (name.startsWith(stems[block]!)) names.set(stems[i]! + name.slice(stems[block]!.length), name)
  const there = (name: string) => names.get(name) ?? `${name} (not in the student)`
  return {
    kind: source.kind,
    names: () => [...names.keys()],
    has: name => names.has(name),
    info: name => source.info(there(name)),
    read: (name, into) => source.read(there(name), into),
    readRows: (name, start, count, into) => source.readRows(there(name), start, count, into),
    // It belongs to whoever opened the teacher.
    close: async () => {},
  }
}
