import {
  FormatError,
  openSafetensors,
  type SafetensorsSource,
  SinterError,
  type Tokenizer,
  type TopTokens,
} from '@sinter/model'
import { f16ToF32, type Tensor } from '@sinter/tensor-core'
import { type CacheHeader, headerHash, readHeader, shardCount, shardPath, shardSize } from './cache-header.ts'
import { ROW_HASH_BYTES, rowHash, vocabularyHash } from './fingerprints.ts'
import { emptyTop, rowsOf, type Teacher, type TopOptions } from './teacher.ts'
import { NO_TOKEN } from './top-losses.ts'

export interface CachedTeacher extends Teacher {
  readonly header: CacheHeader
}

export interface OpenCacheOptions {
  /** The student's: what its ids stand for must be what the cache was made with. */
  readonly tokenizer?: Tokenizer | undefined
}

/** Files that are open at once: rows of an epoch come from anywhere. */
const MOST_OPEN = 16

/**
 * Opens what `writeTeacherCache` wrote. Rows are found by their tokens, so data may come in any order; a row that was never
 * asked about is an error.
 * @throws SinterError `teacher` when it is unfinished, broken, or was made with other tokens
 */
export async function openTeacherCache(folder: string, { tokenizer }: OpenCacheOptions = {}): Promise<CachedTeacher> {
  const header = await readHeader(folder)
  if (!header) throw new SinterError('teacher', `${folder}: there is no teacher cache; write one first`)
  if (tokenizer && header.tokenizer !== undefined && header.tokenizer !== vocabularyHash(tokenizer, header.vocabulary))
    throw new SinterError(
      'teacher',
      `${folder}: was made with other tokens than the student's: its ids mean something else. Make a cache with a teacher of the same tokenizer`,
    )
  const places = await readPlaces(folder, header)
  const shards = openFew(shard => openShard(folder, header, shard))
  return {
    name: folder,
    header,
    mostTop: header.k,
    fingerprint: async () => headerHash(header),
    close: () => shards.close(),
    async top(question, options) {
      const top = emptyTop(question, options.k)
      for (const [row, tokens] of rowsOf(question).entries()) {
        options.signal?.throwIfAborted()
        const place = places.get(keyOf(rowHash(tokens)))
        if (!place)
          throw new SinterError(
            'teacher',
            `${folder}: row ${row} of the batch is not in the cache, which has ${header.rows} rows of ${header.length} tokens: the data were changed, or cut into other rows, after it was made`,
          )
        await readRow(await shards.get(place.shard), folder, header, place.row, row, top, options)
      }
      return top
    },
  }
}

interface Place {
  readonly shard: number
  readonly row: number
}

const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString('latin1')

async function readPlaces(folder: string, header: CacheHeader): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>()
  for (let shard = 0; shard < shardCount(header); shard++) {
    const source = await openShard(folder, header, shard)
    try {
      const { data } = await source.read('hashes')
      for (let row = 0; row < shardSize(header, shard); row++) {
        const key = keyOf((data as Uint8Array).subarray(row * ROW_HASH_BYTES, (row + 1) * ROW_HASH_BYTES))
        if (!places.has(key)) places.set(key, { shard, row })
      }
    } finally {
      await source.close()
    }
  }
  return places
}

/** @throws SinterError `teacher` for a shard that is missing, or not of this cache */
export async function openShard(folder: string, header: CacheHeader, shard: number): Promise<SafetensorsSource> {
  const path = shardPath(folder, shard)
  const source = await openSafetensors(path).catch((cause: unknown) => {
    const missing = cause instanceof FormatError && cause.code === 'missing'
    const what = missing
      ? `shard ${shard + 1} of ${shardCount(header)} is not written yet; write the cache again, it goes on where it stopped`
      : `${(cause as Error).message}; remove the file and write the cache again`
    throw new SinterError('teacher', `${folder}: ${what}`, { cause })
  })
  const wrong = shardProblem(source, header, shard)
  if (wrong === undefined) return source
  await source.close()
  throw new SinterError('teacher', `${path}: ${wrong}; remove the file and write the cache again`)
}

export const idType = ({ vocabulary }: CacheHeader): 'u16' | 'u32' => (vocabulary <= 2 ** 16 ? 'u16' : 'u32')

function shardProblem(source: SafetensorsSource, header: CacheHeader, shard: number): string | undefined {
  if (source.metadata.cache !== headerHash(header)) return 'belongs to another cache'
  const rows = shardSize(header, shard)
  const expected = {
    ids: [idType(header), rows, header.length, header.k],
    log_probs: ['f16', rows, header.length, header.k],
    hashes: ['u8', rows, ROW_HASH_BYTES],
  }
  for (const [name, form] of Object.entries(expected)) {
    const found = source.has(name) ? source.info(name) : undefined
    const got = found ? [found.dtype, ...found.shape] : ['nothing']
    if (got.join() !== form.join()) return `${name}: expected ${form.join(' ')}, got ${got.join(' ')}`
  }
  return undefined
}

/** The first k of a stored row's tokens. @throws SinterError `teacher` for what cannot be a token or a probability */
async function readRow(
  source: SafetensorsSource,
  folder: string,
  { k: stored, length, vocabulary }: CacheHeader,
  from: number,
  to: number,
  top: TopTokens,
  { k }: TopOptions,
): Promise<void> {
  const ids = await source.readRows('ids', from, 1)
  const logProbs = f16ToF32((await source.readRows('log_probs', from, 1)).data as Uint16Array)
  const [outIds, out] = [top.ids.data as Int32Array, top.logProbs.data]
  for (let position = 0; position < length; position++)
    for (let i = 0; i < k; i++) {
      const [id, logProb] = [Number((ids as Tensor).data[position * stored + i]), logProbs[position * stored + i]!]
      if (id >= vocabulary || !(logProb <= 0 && logProb >= NO_TOKEN))
        throw new SinterError(
          'teacher',
          `${folder}: position ${position} of a row has token ${id} with ln p = ${logProb}; expected a token below ${vocabulary} and ${NO_TOKEN} … 0. The cache is broken: remove it and write it again`,
        )
      const at = (to * length + position) * k + i
      outIds[at] = id
      out[at] = logProb
    }
}

/** Opened when they are needed, and closed again when many are. */
function openFew(open: (shard: number) => Promise<SafetensorsSource>) {
  const opened = new Map<number, SafetensorsSource>()
  return {
    async get(shard: number): Promise<SafetensorsSource> {
      const source = opened.get(shard) ?? (await open(shard))
      opened.set(shard, source)
      const [oldest] = opened.keys()
      if (opened.size > MOST_OPEN && oldest !== shard) {
        await opened.get(oldest!)!.close()
        opened.delete(oldest!)
      }
      return source
    },
    async close(): Promise<void> {
      for (const source of opened.values()) await source.close()
      opened.clear()
    },
  }
}
