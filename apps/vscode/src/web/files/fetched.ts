import { type ElsewhereStat, elsewhere, MAX_FETCHED_BYTES } from './elsewhere.ts'
import { fileError, type MemoryFile, tidy } from './memory-files.ts'

interface Fetched {
  readonly file: MemoryFile
  readonly size: number
  users: number
}

const fetched = new Map<string, Fetched>()

/**
 * A file of the workspace, read whole. It is kept while somebody uses it; a small JSON file until it changes, because some are read by
 * code that cannot wait.
 * @throws FileError EFBIG above the ceiling
 */
export async function fetchFile(path: string, { size, modified }: ElsewhereStat): Promise<MemoryFile> {
  const key = tidy(path)
  const known = fetched.get(key)
  if (known && known.size === size && known.file.modified === modified) {
    known.users++
    return known.file
  }
  if (size > MAX_FETCHED_BYTES)
    throw fileError(`EFBIG: it has ${size} bytes, the web extension reads at most ${MAX_FETCHED_BYTES}`, path)
  const bytes = await elsewhere().read(key)
  const file: MemoryFile = { kind: 'file', bytes, length: bytes.length, modified }
  fetched.set(key, { file, size, users: 1 })
  return file
}

export function releaseFile(path: string, file: MemoryFile): void {
  const key = tidy(path)
  const known = fetched.get(key)
  if (known?.file === file && --known.users <= 0 && !isSmallJson(path, file.length)) fetched.delete(key)
}

/** What was fetched already, for code that cannot wait. */
export const fetchedAlready = (path: string): MemoryFile | undefined => fetched.get(tidy(path))?.file

/** Tokenizers: read by a getter once somebody has looked whether they are there. */
export const isSmallJson = (path: string, bytes: number): boolean => path.endsWith('.json') && bytes <= 64 * 2 ** 20
