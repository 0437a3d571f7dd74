/** Files that lie outside of the worker: those of the workspace. They come and go whole, for `workspace.fs` reads no ranges. */
export interface Elsewhere {
  /** Undefined for what is not there. */
  stat(path: string): Promise<ElsewhereStat | undefined>
  names(path: string): Promise<string[]>
  read(path: string): Promise<Uint8Array<ArrayBuffer>>
  /** Writes a file; its folders are made. */
  write(path: string, bytes: Uint8Array): Promise<void>
}

export interface ElsewhereStat {
  readonly kind: 'file' | 'folder'
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** A file is held in memory whole, and once more while it travels. */
export const MAX_FETCHED_BYTES: number = 256 * 2 ** 20

const nowhere: Elsewhere = {
  stat: async () => undefined,
  names: async () => [],
  read: async path => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
  },
  write: async path => {
    throw Object.assign(new Error(`EROFS: ${path}`), { code: 'EROFS' })
  },
}

let current = nowhere

export const elsewhere = (): Elsewhere => current

export function setElsewhere(files: Elsewhere): void {
  current = files
}
