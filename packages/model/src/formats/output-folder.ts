import { access, constants, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { makeFolder, syncFolder } from '../io/atomic.ts'
import { FormatError } from './format-error.ts'

/** A folder that is put together under another name, so that what has the final name is complete. */
export interface OutputFolder {
  /** Where it will be. */
  readonly path: string
  /** Where files go until then: a hidden neighbour, the same at every try. */
  readonly staging: string
  /** Moves it into place. */
  commit(): Promise<void>
  /** Removes what was made. */
  abort(): Promise<void>
}

/**
 * Checks that a folder may be written, before any work is done.
 * @param input what is being read: the output must not be inside it, or be it
 * @throws FormatError `output` when it exists and is not empty, its parent is read-only, or it lies inside the input
 */
export async function checkOutputFolder(path: string, input?: string): Promise<void> {
  const target = resolve(path)
  const existing = await stat(target).catch(() => undefined)
  if (existing && !existing.isDirectory()) throw new FormatError('output', `${path}: exists and is not a folder`)
  if (existing && (await readdir(target)).length > 0)
    throw new FormatError('output', `${path}: exists and is not empty; choose another folder or remove it`)
  const parent = await nearestExisting(dirname(target))
  if (input !== undefined) await checkOutside(path, join(parent.real, relative(parent.path, target)), input)
  if (!(await stat(parent.real)).isDirectory())
    throw new FormatError('output', `${path}: ${parent.path} is a file; choose a place in a folder`)
  await access(parent.real, constants.W_OK).catch(() => {
    throw new FormatError('output', `${path}: the folder ${parent.path} is read-only`)
  })
}

async function checkOutside(path: string, target: string, input: string): Promise<void> {
  const source = await realpath(input).catch(() => resolve(input))
  if (target === source || target.startsWith(source.endsWith(sep) ? source : source + sep))
    throw new FormatError('output', `${path}: lies inside the input ${input}; choose a folder outside it`)
}

async function nearestExisting(path: string): Promise<{ readonly path: string; readonly real: string }> {
  const real = await realpath(path).catch(() => undefined)
  if (real !== undefined) return { path, real }
  return nearestExisting(dirname(path))
}

/**
 * Starts an output folder. What an earlier, killed try left in the staging place is kept when `resume` is set, and
 * removed otherwise.
 * @throws FormatError `output` as `checkOutputFolder` does
 */
export async function createOutputFolder(
  path: string,
  options: { readonly input?: string; readonly resume?: boolean } = {},
): Promise<OutputFolder> {
  await checkOutputFolder(path, options.input)
  const target = resolve(path)
  const staging = join(dirname(target), `.${basename(target)}.partial`)
  if (!options.resume) await rm(staging, { recursive: true, force: true })
  await makeFolder(staging)
  return {
    path: target,
    staging,
    commit: async () => {
      await syncFolder(staging)
      // An empty folder of that name was allowed; rename replaces it on POSIX, but not everywhere.
      await rmdir(target).catch(() => {})
      await rename(staging, target)
      await syncFolder(dirname(target))
    },
    abort: () => rm(staging, { recursive: true, force: true }),
  }
}
