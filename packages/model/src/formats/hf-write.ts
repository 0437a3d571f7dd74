import { copyFile, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { dtypes, sizeOf, type Tensor } from '@sinter/tensor-core'
import { atomicWriteFile } from '../io/atomic.ts'
import type { Config } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import type { Checkpoint } from './hf-directory.ts'
import type { SafetensorsSpec } from './safetensors-layout.ts'
import { createSafetensorsWriter, type SafetensorsWriter } from './safetensors-write.ts'

/** Hugging Face's usual ceiling for one file of weights. */
export const DEFAULT_MAX_SHARD_BYTES = 5e9

export interface WeightsWriter {
  /** Writes one tensor; any order. A shard appears when its last tensor is there. */
  write(name: string, value: Tensor): Promise<void>
  /** Writes rows of a tensor from row `start` on, each once. */
  writeRows(name: string, start: number, rows: Tensor): Promise<void>
  /** Writes the index, if there are shards. @throws FormatError `missing` when a tensor was not written */
  commit(): Promise<void>
  abort(): Promise<void>
}

interface Shard {
  readonly file: string
  readonly specs: readonly SafetensorsSpec[]
  writer?: SafetensorsWriter
  committed?: boolean
}

/**
 * Starts `model.safetensors` in a folder, or numbered shards and their index when the tensors are larger than one file
 * may be. Tensors are divided in the order given.
 * @param options `stem`: what stands for `model` in the names of the files
 */
export function createWeightsWriter(
  folder: string,
  specs: readonly SafetensorsSpec[],
  options: { readonly maxShardBytes?: number; readonly stem?: string } = {},
): WeightsWriter {
  const { stem = 'model' } = options
  const groups = divide(specs, options.maxShardBytes ?? DEFAULT_MAX_SHARD_BYTES)
  const shards: Shard[] = groups.map((group, i) => ({
    file: groups.length === 1 ? `${stem}.safetensors` : shardName(stem, i + 1, groups.length),
    specs: group,
  }))
  const shardOf = new Map(shards.flatMap(shard => shard.specs.map(({ name }) => [name, shard] as const)))
  const startWriter = async (shard: Shard): Promise<SafetensorsWriter> => {
    shard.writer ??= await createSafetensorsWriter(join(folder, shard.file), shard.specs, {
      metadata: { format: 'pt' },
    })
    return shard.writer
  }
  const put = async (name: string, action: (writer: SafetensorsWriter) => Promise<void>): Promise<void> => {
    const shard = shardOf.get(name)
    if (!shard) throw new FormatError('schema', `${folder}: tensor ${JSON.stringify(name)} was not announced`)
    const writer = await startWriter(shard)
    await action(writer)
    if (writer.complete) await commitShard(shard, writer)
  }
  return {
    write: (name, value) => put(name, writer => writer.write(name, value)),
    writeRows: (name, start, rows) => put(name, writer => writer.writeRows(name, start, rows)),
    commit: async () => {
      for (const shard of shards) if (!shard.committed) await commitShard(shard, await startWriter(shard))
      if (shards.length > 1) await atomicWriteFile(join(folder, `${stem}.safetensors.index.json`), indexJson(shards))
    },
    abort: async () => {
      for (const shard of shards) await shard.writer?.abort()
    },
  }
}

async function commitShard(shard: Shard, writer: SafetensorsWriter): Promise<void> {
  await writer.commit()
  shard.committed = true
}

const bytesOfSpec = ({ dtype, shape }: SafetensorsSpec): number => sizeOf(shape) * dtypes[dtype].bytes

const shardName = (stem: string, i: number, count: number): string =>
  `${stem}-${String(i).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.safetensors`

/** A new shard begins where the next tensor would not fit; a tensor larger than a shard gets one of its own. */
function divide(specs: readonly SafetensorsSpec[], maxBytes: number): readonly (readonly SafetensorsSpec[])[] {
  const groups: SafetensorsSpec[][] = [[]]
  let bytes = 0
  for (const spec of specs) {
    const size = bytesOfSpec(spec)
    if (bytes + size > maxBytes && groups.at(-1)!.length > 0) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)!.push(spec)
    bytes += size
  }
  return groups
}

function indexJson(shards: readonly Shard[]): string {
  const all = shards.flatMap(shard => shard.specs.map(spec => ({ spec, file: shard.file })))
  const total = all.reduce((sum, { spec }) => sum + bytesOfSpec(spec), 0)
  const map = all.map(({ spec, file }) => [spec.name, file] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${JSON.stringify({ metadata: { total_size: total }, weight_map: Object.fromEntries(map) }, null, 2)}\n`
}

/**
 * Copies the small files of a checkpoint byte for byte and flushes them.
 * @param except names that the caller writes itself
 */
export async function copySideFiles(
  from: string,
  names: readonly string[],
  to: string,
  except: readonly string[] = [],
): Promise<void> {
  for (const name of names) {
    if (except.includes(name)) continue
    const target = join(to, basename(name))
    await copyFile(join(from, name), target).catch((cause: NodeJS.ErrnoException) => {
      throw new FormatError('output', `${target}: cannot be written (${cause.code})`, { cause })
    })
    const handle = await open(target, 'r+')
    await handle.sync()
    await handle.close()
  }
}

/** config.json as transformers writes it: two spaces, a final newline, keys in their order. */
export const writeConfig = (folder: string, config: Config): Promise<void> =>
  atomicWriteFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)

/** The files of a tokenizer that came out of a GGUF and has no files to copy. */
export async function writeTokenizerFiles(
  folder: string,
  tokenizer: Pick<Checkpoint, 'tokenizerJson' | 'tokenizerConfig' | 'chatTemplate'>,
): Promise<void> {
  const { tokenizerJson, tokenizerConfig, chatTemplate } = tokenizer
  if (tokenizerJson)
    await atomicWriteFile(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizerJson, null, 2)}\n`)
  if (tokenizerConfig)
    await atomicWriteFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(tokenizerConfig, null, 2)}\n`)
  if (chatTemplate !== undefined) await atomicWriteFile(join(folder, 'chat_template.jinja'), chatTemplate)
}
