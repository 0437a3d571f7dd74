// What the engine uses of `node:fs`, over the files in memory.
import { fetchedAlready } from '../files/fetched.ts'
import { createFile, entryAt, fileAt, fileError, type MemoryFile, readAt, writeAt } from '../files/memory-files.ts'
import { type Stats, statsOf } from '../files/stats.ts'
import { pathOf } from './url.ts'

const encoder = new TextEncoder()
const open = new Map<number, MemoryFile>()
let numbers = 3

const found = (path: string): MemoryFile => (entryAt(path) ? fileAt(path) : (fetchedAlready(path) ?? fileAt(path)))

export const existsSync = (path: string | URL): boolean =>
  entryAt(pathOf(path)) !== undefined || fetchedAlready(pathOf(path)) !== undefined

export function statSync(path: string | URL): Stats {
  const name = pathOf(path)
  return statsOf(entryAt(name) ?? found(name))
}

export function readFileSync(path: string | URL, encoding?: 'utf8'): Uint8Array | string {
  const { bytes, length } = found(pathOf(path))
  const content = bytes.slice(0, length)
  return encoding ? new TextDecoder().decode(content) : content
}

export function writeFileSync(path: string | URL, content: string | Uint8Array): void {
  writeAt(createFile(pathOf(path)), typeof content === 'string' ? encoder.encode(content) : content, 0)
}

export function appendFileSync(path: string, content: string): void {
  const file = entryAt(path) ? fileAt(path) : createFile(path)
  writeAt(file, encoder.encode(content), file.length)
}

export function openSync(path: string, flags: string): number {
  const file = flags === 'r' || entryAt(path) ? found(path) : createFile(path)
  open.set(numbers, file)
  return numbers++
}

export function readSync(file: number, into: Uint8Array, offset: number, length: number, position: number): number {
  const known = open.get(file)
  if (!known) throw fileError('EBADF', String(file))
  return readAt(known, into.subarray(offset, offset + length), position)
}

export const closeSync = (file: number): void => void open.delete(file)

export function createReadStream(path: string): never {
  throw new Error(`${path}: data sets are not read in the web extension`)
}
