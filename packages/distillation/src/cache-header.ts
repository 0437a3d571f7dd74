import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SinterError } from '@sinter/model'
import { z } from 'zod'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** Four million rows of 512 tokens are two billion; with 32 tokens a position that is 270 GB. */
const MAX_ROWS = 2 ** 22
/** Longer than the context of any model that is distilled at home. */
const MAX_LENGTH = 2 ** 17
/** Far beyond what a loss can tell from the whole distribution; also bounds a row that is read. */
const MAX_K = 4096
/** As config.json is read. */
const MAX_VOCABULARY = 2 ** 24

/** What a cache was made of: everything that has to be the same for its numbers to be right. */
export interface CacheHeader {
  readonly format: 'sinter-teacher-cache'
  readonly version: 1
  /** `fingerprint` of the teacher. */
  readonly teacher: string
  /** Of the tokens that ids stand for; absent where the teacher has no tokenizer. */
  readonly tokenizer?: string | undefined
  /** Of all rows, in order. */
  readonly data: string
  readonly rows: number
  /** Tokens of a row. */
  readonly length: number
  readonly k: number
  /** Tokens that probabilities are over. */
  readonly vocabulary: number
  /** At which the probabilities were taken. */
  readonly temperature: 1
  /** Rows of a shard; the last may have fewer. */
  readonly shardRows: number
}

const schema: z.ZodType<CacheHeader> = z.strictObject({
  format: z.literal('sinter-teacher-cache'),
  version: z.literal(1),
  teacher: z.string().min(1).max(1024),
  tokenizer: sha256.optional(),
  data: sha256,
  rows: z.int().min(1).max(MAX_ROWS),
  length: z.int().min(1).max(MAX_LENGTH),
  k: z.int().min(1).max(MAX_K),
  vocabulary: z.int().min(1).max(MAX_VOCABULARY),
  temperature: z.literal(1),
  shardRows: z.int().min(1).max(MAX_ROWS),
})

/** A few hundred bytes; more is no header. */
const MAX_HEADER_BYTES = 64 * 2 ** 10

export const headerPath = (folder: string): string => join(folder, 'cache.json')
export const shardPath = (folder: string, shard: number): string =>
  join(folder, `shard-${String(shard).padStart(5, '0')}.safetensors`)

export const shardCount = ({ rows, shardRows }: CacheHeader): number => Math.ceil(rows / shardRows)
export const shardSize = ({ rows, shardRows }: CacheHeader, shard: number): number =>
  Math.min(shardRows, rows - shard * shardRows)

/** Ties a shard to its header. */
export const headerHash = (header: CacheHeader): string =>
  createHash('sha256')
    .update(JSON.stringify(schema.parse(header)))
    .digest('hex')

/** @throws SinterError `teacher` when a header that is about to be written does not fit */
export function checkHeader(header: CacheHeader): CacheHeader {
  const result = schema.safeParse(header)
  if (result.success) return result.data
  throw new SinterError('teacher', `teacher cache: ${z.prettifyError(result.error)}`)
}

/** @returns undefined when there is none @throws SinterError `teacher` for one that cannot be read */
export async function readHeader(folder: string): Promise<CacheHeader | undefined> {
  const path = headerPath(folder)
  const unreadable = (cause: NodeJS.ErrnoException): undefined => {
    if (cause.code === 'ENOENT') return undefined
    throw new SinterError('teacher', `${path}: cannot be read (${cause.code})`, { cause })
  }
  const info = await stat(path).catch(unreadable)
  if (info && info.size > MAX_HEADER_BYTES)
    throw new SinterError('teacher', `${path}: ${info.size} bytes are no header`)
  const text = info && (await readFile(path, 'utf8').catch(unreadable))
  if (text === undefined) return undefined
  const result = schema.safeParse(parse(text, path))
  if (result.success) return result.data
  throw new SinterError('teacher', `${path}: is not the header of a teacher cache:\n${z.prettifyError(result.error)}`)
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SinterError('teacher', `${path}: is not JSON: ${(cause as Error).message}`, { cause })
  }
}

/** The first thing in which two headers differ. */
export function difference(have: CacheHeader, want: CacheHeader): string | undefined {
  const keys = Object.keys({ ...have, ...want }) as (keyof CacheHeader)[]
  const key = keys.find(name => have[name] !== want[name])
  return key && `${key} is ${have[key] ?? 'absent'} there, and ${want[key] ?? 'absent'} here`
}
