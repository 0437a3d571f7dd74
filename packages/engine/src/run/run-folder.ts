import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWriteFile } from '@sinter/model'
import { RunError } from './run-error.ts'
import { lockRun } from './run-lock.ts'

/** Where an unfinished run keeps what it needs to go on, beside its output: one process at a time. */
export interface RunFolder {
  readonly path: string
  /** When the run is complete. */
  remove(): Promise<void>
  /** Lets other processes have it. */
  close(): Promise<void>
}

/**
 * Opens the folder of a run, or starts one.
 * @param fingerprint of all that the run depends on: what another run left is not continued
 * @throws RunError `journal-exists` when there is one and `resume` is not set, `journal-differs` when it is of another run,
 * `journal-busy` while another process is at work in it
 */
export async function openRunFolder(path: string, fingerprint: string, resume: boolean): Promise<RunFolder> {
  await mkdir(path, { recursive: true })
  const unlock = await lockRun(path)
  try {
    await claim(path, fingerprint, resume)
  } catch (error) {
    await unlock()
    throw error
  }
  return { path, remove: () => rm(path, { recursive: true, force: true }), close: unlock }
}

/** Writes down whose journal this is, or checks that it is ours. */
async function claim(folder: string, fingerprint: string, resume: boolean): Promise<void> {
  const path = join(folder, 'run.json')
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found === undefined) return atomicWriteFile(path, `${JSON.stringify({ fingerprint })}\n`)
  if (!resume)
    throw new RunError(
      'journal-exists',
      `an unfinished run is in ${folder}; go on with --resume, or delete that folder to start over`,
    )
  if ((JSON.parse(found) as { fingerprint?: string }).fingerprint !== fingerprint)
    throw new RunError(
      'journal-differs',
      `the unfinished run in ${folder} has another model, recipe, text or version; delete that folder to start over`,
    )
}
