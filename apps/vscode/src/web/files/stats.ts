import type { ElsewhereStat } from './elsewhere.ts'
import type { entryAt } from './memory-files.ts'

/** What the engine asks of Node's own. */
export interface Stats {
  readonly size: number
  readonly mtimeMs: number
  isFile(): boolean
  isDirectory(): boolean
}

export function statsOf(entry: NonNullable<ReturnType<typeof entryAt>> | ElsewhereStat): Stats {
  const size = 'size' in entry ? entry.size : entry.kind === 'file' ? entry.length : 0
  return {
    size,
    mtimeMs: entry.modified,
    isFile: () => entry.kind === 'file',
    isDirectory: () => entry.kind === 'folder',
  }
}
