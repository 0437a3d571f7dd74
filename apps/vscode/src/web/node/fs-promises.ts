// What the engine uses of `node:fs/promises`: files in memory, and behind them those of the workspace, which are only read.
import { basename, dirname, join } from 'pathe'
import { elsewhere } from '../files/elsewhere.ts'
import { fetchFile, isSmallJson, releaseFile } from '../files/fetched.ts'
import {
  createFile,
  entryAt,
  fileAt,
  fileError,
  freeBytes,
  type MemoryFile,
  makeFolders,
  moveAll,
  namesIn,
  readAt,
  removeAll,
  tidy,
  writeAt,
} from '../files/memory-files.ts'
import { type Stats, statsOf } from '../files/stats.ts'
import { pathOf } from './url.ts'

type Path = string | URL

export const constants = { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 } as const

/** @throws FileError ENOENT */
export async function stat(given: Path): Promise<Stats> {
  const path = pathOf(given)
  const own = entryAt(path)
  if (own) return statsOf(own)
  const other = await elsewhere().stat(tidy(path))
  if (!other) throw fileError('ENOENT', path)
  if (other.kind === 'file' && isSmallJson(path, other.size)) releaseFile(path, await fetchFile(path, other))
  return statsOf(other)
}

export async function access(path: Path): Promise<void> {
  await stat(path)
}

// Nothing in memory is a link.
export const lstat: typeof stat = stat

export async function realpath(path: string): Promise<string> {
  await stat(path)
  return tidy(path)
}

interface Dirent {
  readonly name: string
  readonly isDirectory: () => boolean
  readonly isFile: () => boolean
}

export function readdir(path: string): Promise<string[]>
export function readdir(path: string, options: { readonly withFileTypes: true }): Promise<Dirent[]>
export async function readdir(path: string, options?: { readonly withFileTypes: true }): Promise<string[] | Dirent[]> {
  const own = namesIn(path)
  const other = await elsewhere().stat(tidy(path))
  if (!own && other?.kind !== 'folder') throw fileError(other ? 'ENOTDIR' : 'ENOENT', path)
  const others = other?.kind === 'folder' ? await elsewhere().names(tidy(path)) : []
  const names = [...new Set([...(own ?? []), ...others])].sort()
  if (!options?.withFileTypes) return names
  return Promise.all(names.map(async name => ({ name, ...(await stat(join(path, name))) })))
}

class Handle {
  readonly #path: string
  readonly #file: MemoryFile
  readonly #borrowed: boolean
  #at: number
  #open = true

  constructor(path: string, file: MemoryFile, at: number, borrowed: boolean) {
    this.#path = path
    this.#file = file
    this.#at = at
    this.#borrowed = borrowed
  }

  async read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return { bytesRead: readAt(this.#file, into.subarray(offset, offset + length), position) }
  }

  async write(
    content: string | Uint8Array,
    offset = 0,
    length?: number,
    position: number | null = null,
  ): Promise<{ bytesWritten: number }> {
    if (this.#borrowed) throw fileError('EROFS', this.#path)
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    const part = bytes.subarray(offset, offset + (length ?? bytes.length - offset))
    writeAt(this.#file, part, position ?? this.#at)
    if (position === null) this.#at += part.length
    return { bytesWritten: part.length }
  }

  async readFile(encoding?: 'utf8'): Promise<Uint8Array | string> {
    return contentOf(this.#file, encoding)
  }

  stat = async (): Promise<Stats> => statsOf(this.#file)
  sync = async (): Promise<void> => {}
  datasync = async (): Promise<void> => {}

  async close(): Promise<void> {
    if (this.#open && this.#borrowed) releaseFile(this.#path, this.#file)
    this.#open = false
  }
}

export async function open(given: Path, flags = 'r'): Promise<Handle> {
  const path = pathOf(given)
  const own = entryAt(path)
  if (flags.startsWith('r')) {
    // Folders are opened to make their names durable.
    if (own?.kind === 'folder') throw fileError('EISDIR', path)
    if (own) return new Handle(path, own, 0, false)
    const other = await elsewhere().stat(tidy(path))
    if (other?.kind !== 'file') throw fileError(other ? 'EISDIR' : 'ENOENT', path)
    return new Handle(path, await fetchFile(path, other), 0, true)
  }
  const taken = own ?? (await elsewhere().stat(tidy(path)))
  if (flags.includes('x') && taken) throw fileError('EEXIST', path)
  if (flags.startsWith('a') && own) return new Handle(path, fileAt(path), fileAt(path).length, false)
  await shadowFolder(dirname(tidy(path)))
  return new Handle(path, createFile(path), 0, false)
}

/** What is written beside files of the workspace lies in a folder of the same name here. */
async function shadowFolder(path: string): Promise<void> {
  if (!entryAt(path) && (await elsewhere().stat(path))?.kind === 'folder') makeFolders(path)
}

export async function readFile(path: Path, encoding?: 'utf8'): Promise<Uint8Array | string> {
  const handle = await open(path)
  try {
    return await handle.readFile(encoding)
  } finally {
    await handle.close()
  }
}

function contentOf({ bytes, length }: MemoryFile, encoding?: 'utf8'): Uint8Array | string {
  const content = bytes.slice(0, length)
  return encoding ? new TextDecoder().decode(content) : content
}

export async function writeFile(
  path: Path,
  content: string | Uint8Array,
  { flag = 'w' }: { readonly flag?: string } = {},
): Promise<void> {
  const handle = await open(path, flag)
  await handle.write(content)
}

export const appendFile = (path: Path, content: string | Uint8Array): Promise<void> =>
  writeFile(path, content, { flag: 'a' })

export async function mkdir(path: string, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
  if (!recursive && (await stat(path).catch(() => undefined))) throw fileError('EEXIST', path)
  makeFolders(path)
}

export async function mkdtemp(prefix: string): Promise<string> {
  const path = `${prefix}${crypto.randomUUID().slice(0, 8)}`
  makeFolders(path)
  return path
}

/** Removes what is in memory; files of the workspace stay. */
export async function rm(
  path: string,
  { force = false }: { readonly force?: boolean; readonly recursive?: boolean } = {},
): Promise<void> {
  if (!force && !entryAt(path)) throw fileError('ENOENT', path)
  removeAll(path)
}

export async function rmdir(path: string): Promise<void> {
  if ((namesIn(path) ?? []).length > 0) throw fileError('ENOTEMPTY', path)
  removeAll(path)
}

export async function rename(from: string, to: string): Promise<void> {
  await shadowFolder(dirname(tidy(to)))
  moveAll(from, to)
}

export async function copyFile(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from))
}

export async function statfs(_path: string): Promise<{ bavail: number; bsize: number }> {
  return { bavail: freeBytes(), bsize: 1 }
}

/** Every file below a path of the store, to be carried elsewhere. */
export function storedFiles(path: string): string[] {
  const entry = entryAt(path)
  if (!entry) return []
  if (entry.kind === 'file') return [path]
  return (namesIn(path) ?? []).flatMap(name => storedFiles(join(path, basename(name))))
}
