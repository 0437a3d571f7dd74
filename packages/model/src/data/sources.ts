import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dataError } from './data-error.ts'
import { MAX_FILES, MAX_FOLDER_DEPTH } from './limits.ts'

/** A stream of bytes that documents are read from, once and in order. */
export interface Source {
  readonly name: string
  /** Bytes; 0 when nobody knows. */
  readonly size: number
  open(): AsyncIterable<Uint8Array>
}

/** Names whose files are read when a folder is given. Others (a README, a licence) are no training text. */
export const dataExtensions: readonly string[] = ['.txt', '.jsonl', '.ndjson']

const READ_BYTES = 2 ** 20

/**
 * The files behind a path: the file itself, or a folder's files in the order of their names, folders inside it included.
 * @param path `-` is `input`
 * @throws SinterError `data` when there is nothing to read
 */
export async function listSources(
  path: string,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Promise<readonly Source[]> {
  if (path === '-') return [{ name: 'standard input', size: 0, open: () => input }]
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    throw dataError(path, 'no such file or folder; give a file, a folder, or - for standard input', { cause })
  })
  if (!info.isDirectory()) return [fileSource(path, info.size)]
  const sources: Source[] = []
  await walk(path, sources, 0)
  if (sources.length > 0) return sources
  throw dataError(
    path,
    `the folder has no file ending in ${dataExtensions.join(', ')}; give a file of another name by itself`,
  )
}

const fileSource = (path: string, size: number): Source => ({
  name: path,
  size,
  open: () => createReadStream(path, { highWaterMark: READ_BYTES }),
})

async function walk(folder: string, sources: Source[], depth: number): Promise<void> {
  if (depth > MAX_FOLDER_DEPTH) throw dataError(folder, `lies more than ${MAX_FOLDER_DEPTH} folders deep`)
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
  // By code units and not by language: the order, and so the shuffling, is then the same on every machine.
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    // Linked files are followed (downloads are often links into a cache), linked folders not: they may lead back.
    if (entry.isDirectory()) await walk(path, sources, depth + 1)
    else if (isData(entry.name)) await add(path, sources)
  }
}

async function add(path: string, sources: Source[]): Promise<void> {
  const info = await stat(path)
  if (!info.isFile()) return
  if (sources.length === MAX_FILES)
    throw dataError(path, `the folder has more than ${MAX_FILES} files; join some of them`)
  sources.push(fileSource(path, info.size))
}

const isData = (name: string): boolean => dataExtensions.some(extension => name.toLowerCase().endsWith(extension))
