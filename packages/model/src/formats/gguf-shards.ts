import { FormatError } from './format-error.ts'
import type { GgufSource } from './gguf.ts'
import { MAX_GGUF_SHARDS, shardPath } from './gguf-shard-names.ts'
import { type GgufMetadata, numberOf } from './gguf-value.ts'

/** @throws FormatError `limit` on a number that no model has */
function shardCount(metadata: GgufMetadata, path: string): number {
  const count = numberOf(metadata.get('split.count')) ?? 1
  if (Number.isInteger(count) && count >= 0 && count <= MAX_GGUF_SHARDS) return count
  throw new FormatError('limit', `${path}: split.count is ${count}; at most ${MAX_GGUF_SHARDS} files are opened`)
}

/**
 * Opens the other files of a model, where there are any, and shows all of them as one. Metadata are those of the first file.
 * @param one any of them; it is closed when the others cannot be opened
 * @throws FormatError `limit` on more files than are opened, `path` when it is not named as a shard, `missing` when another is not
 *   there, `schema` when they do not belong together, `duplicate` when two have a tensor of the same name
 */
export async function withShards(
  one: GgufSource,
  path: string,
  open: (path: string) => Promise<GgufSource>,
): Promise<GgufSource> {
  const shards: GgufSource[] = [one]
  try {
    const count = shardCount(one.metadata, path)
    if (count <= 1) return one
    const own = numberOf(one.metadata.get('split.no'))
    if (own === undefined || shardPath(path, own, count) !== path)
      throw new FormatError(
        'path',
        `${path}: is file ${own === undefined ? '?' : own + 1} of ${count} of a model and must be named ` +
          `${shardPath('NAME.gguf', own ?? 0, count)}: the others are found by their names`,
      )
    const ordered: GgufSource[] = []
    for (let i = 0; i < count; i++) {
      const shard = i === own ? one : await openSibling(path, shardPath(path, i, count), open)
      if (shard !== one) shards.push(shard)
      checkPlace(shard, shardPath(path, i, count), i, count)
      ordered.push(shard)
    }
    return joined(ordered, path)
  } catch (error) {
    await Promise.all(shards.map(shard => shard.close()))
    throw error
  }
}

async function openSibling(
  path: string,
  sibling: string,
  open: (path: string) => Promise<GgufSource>,
): Promise<GgufSource> {
  try {
    return await open(sibling)
  } catch (cause) {
    if (cause instanceof FormatError && cause.code === 'missing')
      throw new FormatError('missing', `${path}: the file ${sibling} of the same model is not there`, { cause })
    throw cause
  }
}

function checkPlace({ metadata }: GgufSource, path: string, index: number, count: number): void {
  for (const [key, wanted] of [
    ['split.no', index],
    ['split.count', count],
  ] as const) {
    const got = numberOf(metadata.get(key))
    if (got !== wanted) throw new FormatError('schema', `${path}: expected ${key} to be ${wanted}, got ${got}`)
  }
}

function joined(shards: readonly GgufSource[], path: string): GgufSource {
  const owner = new Map<string, GgufSource>()
  for (const shard of shards)
    for (const name of shard.names()) {
      if (owner.has(name))
        throw new FormatError('duplicate', `${path}: the tensor ${JSON.stringify(name)} is in two files of the model`)
      owner.set(name, shard)
    }
  const { metadata } = shards[0]!
  const told = numberOf(metadata.get('split.tensors.count'))
  if (told !== undefined && told !== owner.size)
    throw new FormatError('schema', `${path}: split.tensors.count is ${told}, but the files have ${owner.size} tensors`)
  const of = (name: string): GgufSource => {
    const found = owner.get(name)
    if (!found) throw new FormatError('missing', `${path}: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  return {
    kind: 'gguf',
    metadata,
    names: () => [...owner.keys()],
    has: name => owner.has(name),
    info: name => of(name).info(name),
    read: async (name, into) => of(name).read(name, into),
    readRows: async (name, start, count, into) => of(name).readRows(name, start, count, into),
    readBytes: async name => of(name).readBytes(name),
    readRowBytes: async (name, start, count, into) => of(name).readRowBytes(name, start, count, into),
    close: async () => {
      await Promise.all(shards.map(shard => shard.close()))
    },
  }
}
