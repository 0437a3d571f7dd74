import { dirname, join } from 'node:path'
import { type OpenFile, openFile } from '../io/file.ts'
import { besideUrl, isUrl } from '../io/http.ts'
import { FormatError } from './format-error.ts'
import { isObject, parseJsonStrict } from './json-strict.ts'
import { openSafetensors, type SafetensorsSource } from './safetensors.ts'

/** An index names each tensor once, as the headers do, so the headers' ceiling fits it too. */
const MAX_INDEX_BYTES = 100_000_000
/** Every shard is one open file; the largest published checkpoints have a few hundred. */
const MAX_SHARDS = 4096

/**
 * Opens a checkpoint that is spread over several files.
 * @param indexPath `model.safetensors.index.json`
 * @throws FormatError `path` when the index points out of its folder, `missing` when a shard is absent or lacks a tensor
 */
export async function openSafetensorsIndex(indexPath: string, open: OpenFile = openFile): Promise<SafetensorsSource> {
  const weightMap = await readWeightMap(indexPath, open)
  const shards = new Map<string, SafetensorsSource>()
  const close = async (): Promise<void> => {
    await Promise.all([...shards.values()].map(shard => shard.close()))
  }
  try {
    for (const file of new Set(weightMap.values())) shards.set(file, await openShard(indexPath, file, open))
    for (const [name, file] of weightMap)
      if (!shards.get(file)!.has(name))
        throw new FormatError(
          'missing',
          `${indexPath}: says ${JSON.stringify(name)} is in ${file}, which does not hold it`,
        )
  } catch (error) {
    await close()
    throw error
  }
  const shardOf = (name: string): SafetensorsSource => {
    const file = weightMap.get(name)
    if (file === undefined) throw new FormatError('missing', `${indexPath}: has no tensor ${JSON.stringify(name)}`)
    return shards.get(file)!
  }
  return {
    kind: 'safetensors',
    metadata: [...shards.values()][0]?.metadata ?? {},
    names: () => [...weightMap.keys()],
    has: name => weightMap.has(name),
    info: name => shardOf(name).info(name),
    read: async (name, into) => shardOf(name).read(name, into),
    readRows: async (name, start, count, into) => shardOf(name).readRows(name, start, count, into),
    close,
  }
}

/** The files that an index names. @throws FormatError as `openSafetensorsIndex` does */
export async function readWeightMap(
  indexPath: string,
  open: OpenFile = openFile,
): Promise<ReadonlyMap<string, string>> {
  const file = await open(indexPath)
  try {
    if (file.size > MAX_INDEX_BYTES)
      throw new FormatError('limit', `${indexPath}: ${file.size} bytes; an index of at most ${MAX_INDEX_BYTES} is read`)
    return parseWeightMap(await file.read(0, file.size), indexPath)
  } finally {
    await file.close()
  }
}

function parseWeightMap(bytes: Uint8Array, indexPath: string): ReadonlyMap<string, string> {
  const index = parseJsonStrict(bytes, indexPath)
  const map = isObject(index) ? index.weight_map : undefined
  if (!isObject(map)) throw new FormatError('schema', `${indexPath}: expected {"weight_map": {tensor: file}}`)
  const weightMap = new Map<string, string>()
  for (const [name, shard] of Object.entries(map)) weightMap.set(name, checkShardName(shard, name, indexPath))
  const count = new Set(weightMap.values()).size
  if (count > MAX_SHARDS)
    throw new FormatError('limit', `${indexPath}: ${count} shards; at most ${MAX_SHARDS} are opened`)
  return weightMap
}

/** A shard lies beside its index: anything that is more than a bare file name could reach other files of the user. */
function checkShardName(shard: unknown, name: string, indexPath: string): string {
  const bare = typeof shard === 'string' && /^[^/\\:\0]+$/.test(shard) && shard !== '.' && shard !== '..'
  if (!bare)
    throw new FormatError(
      'path',
      `${indexPath}: tensor ${JSON.stringify(name)}: expected the name of a file beside the index, got ${JSON.stringify(shard)}`,
    )
  return shard
}

async function openShard(indexPath: string, file: string, open: OpenFile): Promise<SafetensorsSource> {
  try {
    return await openSafetensors(isUrl(indexPath) ? besideUrl(indexPath, file) : join(dirname(indexPath), file), open)
  } catch (cause) {
    if (cause instanceof FormatError && cause.code === 'missing')
      throw new FormatError('missing', `${indexPath}: the shard ${file} is not there`, { cause })
    throw cause
  }
}
