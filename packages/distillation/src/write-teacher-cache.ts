import { rm } from 'node:fs/promises'
import {
  atomicWriteFile,
  encodeSafetensors,
  makeFolder,
  SinterError,
  type Tokenizer,
  type TopTokens,
} from '@sinter/model'
import { f32ToF16, type Tensor } from '@sinter/tensor-core'
import {
  type CacheHeader,
  checkHeader,
  difference,
  headerHash,
  headerPath,
  readHeader,
  shardCount,
  shardPath,
  shardSize,
} from './cache-header.ts'
import { dataHash, ROW_HASH_BYTES, rowHash, vocabularyHash } from './fingerprints.ts'
import { askTop, type Question, rowsOf, type Teacher } from './teacher.ts'
import { idType, openShard } from './teacher-cache.ts'
import { NO_TOKEN } from './top-losses.ts'

export interface WriteCacheOptions {
  readonly folder: string
  readonly teacher: Teacher
  /** All rows that training will see, `[rows, length]`. */
  readonly question: Question
  readonly k: number
  /** Tokens that the teacher shares with the student. */
  readonly vocabulary: number
  /** Of the teacher, so that a student with other tokens is told. */
  readonly tokenizer?: Tokenizer | undefined
  /** Rows that are asked about and written at once; default about 8,192 tokens. */
  readonly shardRows?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CacheProgress {
  /** Shards that are on the disk. */
  readonly done: number
  readonly total: number
  /** Whether the last one was there already. */
  readonly kept: boolean
}

const SHARD_TOKENS = 8192

/**
 * Asks a teacher once about all rows, and keeps its k most probable tokens: ids in 16 bits (32 from 65,537 tokens on) and ln p in
 * 16-bit floats, 4·k bytes a position, as safetensors. A shard appears when it is whole; called again it goes on with the first
 * that is missing.
 * @throws SinterError `teacher` when the folder has a cache of something else
 */
export async function* writeTeacherCache(options: WriteCacheOptions): AsyncGenerator<CacheProgress, CacheHeader> {
  const { folder, teacher, question, k, signal } = options
  const header = await headerOf(options)
  await claim(folder, header)
  const total = shardCount(header)
  for (let shard = 0; shard < total; shard++) {
    signal?.throwIfAborted()
    const kept = await isWhole(folder, header, shard)
    if (!kept) {
      const part = shardQuestion(question, header, shard)
      await writeShard(folder, header, shard, part, await askTop(teacher, part, { k, signal }))
    }
    yield { done: shard + 1, total, kept }
  }
  return header
}

async function headerOf({
  teacher,
  question,
  k,
  vocabulary,
  tokenizer,
  shardRows,
}: WriteCacheOptions): Promise<CacheHeader> {
  const [rows, length] = question.ids.shape as readonly [number, number]
  return checkHeader({
    format: 'sinter-teacher-cache',
    version: 1,
    teacher: await teacher.fingerprint(),
    ...(tokenizer && { tokenizer: vocabularyHash(tokenizer, vocabulary) }),
    data: dataHash(rowsOf(question)),
    rows,
    length,
    k,
    vocabulary,
    temperature: 1,
    shardRows: shardRows ?? Math.max(1, Math.floor(SHARD_TOKENS / length)),
  })
}

/** The folder is this cache's from now on. */
async function claim(folder: string, header: CacheHeader): Promise<void> {
  const there = await readHeader(folder)
  const other = there && difference(there, header)
  if (other)
    throw new SinterError(
      'teacher',
      `${folder}: has a cache of something else: ${other}. Give another folder, or remove it`,
    )
  if (there) return
  await makeFolder(folder)
  await atomicWriteFile(headerPath(folder), `${JSON.stringify(header, undefined, 2)}\n`)
}

/** A shard that cannot be opened is written again: its teacher is still here. */
async function isWhole(folder: string, header: CacheHeader, shard: number): Promise<boolean> {
  try {
    await (await openShard(folder, header, shard)).close()
    return true
  } catch (error) {
    if (!(error instanceof SinterError)) throw error
    await rm(shardPath(folder, shard), { force: true })
    return false
  }
}

function shardQuestion({ ids, documents }: Question, header: CacheHeader, shard: number): Question {
  const start = shard * header.shardRows
  const rows = shardSize(header, shard)
  const part = ({ dtype, data }: Tensor): Tensor => ({
    dtype,
    shape: [rows, header.length],
    data: data.slice(start * header.length, (start + rows) * header.length),
  })
  return { ids: part(ids), ...(documents && { documents: part(documents) }) }
}

async function writeShard(
  folder: string,
  header: CacheHeader,
  shard: number,
  question: Question,
  { ids, logProbs }: TopTokens,
): Promise<void> {
  const hashes = new Uint8Array(ids.shape[0]! * ROW_HASH_BYTES)
  for (const [row, tokens] of rowsOf(question).entries()) hashes.set(rowHash(tokens), row * ROW_HASH_BYTES)
  const dtype = idType(header)
  const whole = dtype === 'u16' ? Uint16Array : Uint32Array
  const tensors = new Map<string, Tensor>([
    ['ids', { dtype, shape: ids.shape, data: whole.from(ids.data as Int32Array) }],
    ['log_probs', { dtype: 'f16', shape: ids.shape, data: f32ToF16(logProbs.data.map(storable)) }],
    ['hashes', { dtype: 'u8', shape: [ids.shape[0]!, ROW_HASH_BYTES], data: hashes }],
  ])
  await atomicWriteFile(shardPath(folder, shard), encodeSafetensors(tensors, { cache: headerHash(header) }))
}

/** Nothing below what stands for nothing. */
const storable = (logProb: number): number => Math.min(0, Math.max(NO_TOKEN, logProb))
