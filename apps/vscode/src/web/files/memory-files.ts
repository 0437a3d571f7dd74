import { dirname, normalize } from 'pathe'

/** A file of the store: `bytes` may be longer than what is in it. */
export interface MemoryFile {
  readonly kind: 'file'
  bytes: Uint8Array<ArrayBuffer>
  length: number
  modified: number
}

interface MemoryFolder {
  readonly kind: 'folder'
  readonly modified: number
}

type Entry = MemoryFile | MemoryFolder

/** All files together. A tab has some gigabytes for everything, models at work included. */
export const MAX_STORED_BYTES: number = 2 ** 30

export interface FileError extends Error {
  /** As Node names it: ENOENT, EEXIST … */
  readonly code: string
}

export const fileError = (code: string, path: string): FileError =>
  Object.assign(new Error(`${code}: ${path}`), { code })

const entries = new Map<string, Entry>([['/', { kind: 'folder', modified: 0 }]])
let stored = 0

/** Bytes that may still be stored. */
export const freeBytes = (): number => MAX_STORED_BYTES - stored

export const tidy = (path: string): string => {
  const clean = normalize(path)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}

export const entryAt = (path: string): Entry | undefined => entries.get(tidy(path))

/** @throws FileError ENOENT, or EISDIR for a folder */
export function fileAt(path: string): MemoryFile {
  const found = entryAt(path)
  if (!found) throw fileError('ENOENT', path)
  if (found.kind === 'folder') throw fileError('EISDIR', path)
  return found
}

/** Names of what lies in a folder, sorted; undefined when the store has no such folder. */
export function namesIn(path: string): string[] | undefined {
  const folder = tidy(path)
  if (entries.get(folder)?.kind !== 'folder') return undefined
  const prefix = folder === '/' ? '/' : `${folder}/`
  return [...entries.keys()]
    .filter(key => key.startsWith(prefix) && key !== prefix && !key.includes('/', prefix.length))
    .map(key => key.slice(prefix.length))
    .sort()
}

/** Makes a folder and those above it. @throws FileError ENOTDIR when one of them is a file */
export function makeFolders(path: string): void {
  const folder = tidy(path)
  const found = entries.get(folder)
  if (found?.kind === 'file') throw fileError('ENOTDIR', path)
  if (found) return
  makeFolders(dirname(folder))
  entries.set(folder, { kind: 'folder', modified: Date.now() })
}

/** A new, empty file in the place of what was there. @throws FileError EISDIR, ENOENT when its folder is not there */
export function createFile(path: string): MemoryFile {
  const place = tidy(path)
  const before = entries.get(place)
  if (before?.kind === 'folder') throw fileError('EISDIR', path)
  if (entries.get(dirname(place))?.kind !== 'folder') throw fileError('ENOENT', path)
  stored -= before?.bytes.length ?? 0
  const file: MemoryFile = { kind: 'file', bytes: new Uint8Array(0), length: 0, modified: Date.now() }
  entries.set(place, file)
  return file
}

/** Writes at a position; what lies between the end and it becomes zeros. @throws FileError ENOSPC above the store's ceiling */
export function writeAt(file: MemoryFile, bytes: Uint8Array, position: number): void {
  const end = position + bytes.length
  if (end > file.bytes.length) grow(file, end)
  file.bytes.set(bytes, position)
  file.length = Math.max(file.length, end)
  file.modified = Date.now()
}

function grow(file: MemoryFile, needed: number): void {
  const capacity = Math.max(needed, Math.min(2 * file.bytes.length, needed + 2 ** 24))
  if (capacity - file.bytes.length > freeBytes()) throw fileError('ENOSPC', 'files in memory')
  stored += capacity - file.bytes.length
  const larger = new Uint8Array(capacity)
  larger.set(file.bytes.subarray(0, file.length))
  file.bytes = larger
}

/** Copies what a file has from a position on. @returns how many bytes */
export function readAt(file: MemoryFile, into: Uint8Array, position: number): number {
  const part = file.bytes.subarray(position, Math.min(file.length, position + into.length))
  into.set(part)
  return part.length
}

/** A file, or a folder with all in it. */
export function removeAll(path: string): void {
  const place = tidy(path)
  for (const [key, entry] of entries)
    if (key === place || key.startsWith(`${place}/`)) {
      entries.delete(key)
      if (entry.kind === 'file') stored -= entry.bytes.length
    }
}

/** @throws FileError ENOENT; ENOTEMPTY for a folder in which something is */
export function moveAll(from: string, to: string): void {
  const [source, target] = [tidy(from), tidy(to)]
  if (!entries.has(source)) throw fileError('ENOENT', from)
  if ((namesIn(target) ?? []).length > 0) throw fileError('ENOTEMPTY', to)
  removeAll(target)
  for (const [key, entry] of [...entries])
    if (key === source || key.startsWith(`${source}/`)) {
      entries.delete(key)
      entries.set(target + key.slice(source.length), entry)
    }
}
