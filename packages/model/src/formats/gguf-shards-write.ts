import { rm } from 'node:fs/promises'
import { sizeOf } from '@sinter/tensor-core'
import { encodedBytes } from './encodings.ts'
import { FormatError } from './format-error.ts'
import { MAX_GGUF_SHARDS, shardPath } from './gguf-shard-names.ts'
import type { GgufMetadata, GgufValue } from './gguf-value.ts'
import { createGgufWriter, type GgufSpec, type GgufWriter } from './gguf-write.ts'

/**
 * Starts a GGUF model of files whose tensors take at most `shardBytes` each (a tensor that is larger has a file of its own), named
 * `NAME-00001-of-00003.gguf`. What fits into one file is one, under the name that was given. The first file has the metadata.
 * @returns a writer whose `path` is that of the first file
 * @throws as `createGgufWriter` does; FormatError `limit` when there would be more files than are read
 */
export async function createGgufShardWriter(
  path: string,
  metadata: GgufMetadata,
  specs: readonly GgufSpec[],
  shardBytes: number = Number.POSITIVE_INFINITY,
): Promise<GgufWriter> {
  const groups = groupSpecs(specs, shardBytes)
  const count = groups.length
  if (count <= 1) return createGgufWriter(path, metadata, specs)
  if (count > MAX_GGUF_SHARDS)
    throw new FormatError(
      'limit',
      `${path}: ${count} files of ${shardBytes} bytes; at most ${MAX_GGUF_SHARDS} are read`,
    )
  const writers: GgufWriter[] = []
  const abort = async (): Promise<void> => {
    await Promise.all(writers.map(writer => writer.abort()))
  }
  try {
    for (const [i, group] of groups.entries()) {
      const keys = splitKeys(i, count, specs.length)
      writers.push(
        await createGgufWriter(shardPath(path, i, count), new Map([...(i === 0 ? metadata : []), ...keys]), group),
      )
    }
  } catch (error) {
    await abort()
    throw error
  }
  const writerOf = new Map(groups.flatMap((group, i) => group.map(({ name }) => [name, writers[i]!] as const)))
  const of = (name: string): GgufWriter => writerOf.get(name) ?? writers[0]!
  return {
    path: writers[0]!.path,
    bytes: writers.reduce((sum, { bytes }) => sum + bytes, 0),
    write: async (name, value) => of(name).write(name, value),
    writeRows: async (name, start, rows) => of(name).writeRows(name, start, rows),
    writeBytes: async (name, start, count, bytes) => of(name).writeBytes(name, start, count, bytes),
    commit: () => commitAll(writers, abort),
    abort,
  }
}

/** The first file comes last: whoever sees it finds the others. Of a model that cannot be finished nothing stays. */
async function commitAll(writers: readonly GgufWriter[], abort: () => Promise<void>): Promise<void> {
  const done: string[] = []
  try {
    for (const writer of writers.toReversed()) {
      await writer.commit()
      done.push(writer.path)
    }
  } catch (error) {
    await abort()
    for (const path of done) await rm(path, { force: true })
    throw error
  }
}

/** In order, a new group where the next tensor would not fit. */
function groupSpecs(specs: readonly GgufSpec[], shardBytes: number): readonly (readonly GgufSpec[])[] {
  const groups: GgufSpec[][] = []
  let room = 0
  for (const spec of specs) {
    const bytes = encodedBytes(spec.encoding, spec.shape.at(-1) ?? 1) * sizeOf(spec.shape.slice(0, -1))
    if (groups.length === 0 || bytes > room) {
      groups.push([])
      room = shardBytes
    }
    groups.at(-1)!.push(spec)
    room -= bytes
  }
  return groups
}

/** The types are llama.cpp's: it refuses others. */
const splitKeys = (index: number, count: number, tensors: number): readonly [string, GgufValue][] => [
  ['split.no', { type: 'u16', value: index }],
  ['split.count', { type: 'u16', value: count }],
  ['split.tensors.count', { type: 'i32', value: tensors }],
]
