import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { SinterError } from '@sinter/model'

/** Folders that a client may name files in. What is outside of them is as if it were not there. */
export interface Places {
  /** The true path of something that exists. @throws SinterError `option` */
  existing(path: string): Promise<string>
  /** The true path of something to be made. @throws SinterError `option` */
  fresh(path: string): Promise<string>
}

/** @param roots paths; the first is where relative paths begin */
export async function placesIn(roots: readonly string[]): Promise<Places> {
  const folders = await Promise.all(roots.map(root => realpath(resolve(root))))
  const inside = (path: string): boolean => folders.some(folder => isInside(folder, path))
  // Links are followed first: what counts is where a path leads.
  const check = (given: string, path: string | undefined): string => {
    if (path !== undefined && inside(path)) return path
    throw new SinterError('option', `${given}: not in ${folders.join(', ')}, the only places that this server works in`)
  }
  const full = (path: string): string => (isAbsolute(path) ? path : join(folders[0]!, path))
  return {
    existing: async path => check(path, await realpath(full(path)).catch(() => undefined)),
    async fresh(path) {
      const wanted = resolve(full(path))
      const parent = await realOf(dirname(wanted))
      return check(path, join(parent, basename(wanted)))
    },
  }
}

/** The true path of a folder of which the last parts may not exist yet. */
async function realOf(folder: string): Promise<string> {
  const parent = dirname(folder)
  const found = await realpath(folder).catch(() => undefined)
  if (found !== undefined || parent === folder) return found ?? folder
  return join(await realOf(parent), basename(folder))
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '' || !(way === '..' || way.startsWith('../') || way.startsWith('..\\') || isAbsolute(way))
}
