import { elsewhere } from '../../web/files/elsewhere.ts'
import { removeAll } from '../../web/files/memory-files.ts'
import { readFile, storedFiles } from '../../web/node/fs-promises.ts'
import { executeRun } from './execute-run.ts'
import type { RunProgram } from './spawn-run.ts'

/** As its namesake, in this worker: the run ends with the window, and what it had not finished is lost. */
export async function spawnRun(_program: RunProgram, folder: string, parallel: number): Promise<void> {
  void executeRun(folder, new AbortController().signal, { parallel, deliver })
    // The history is kept where the desktop keeps it.
    .finally(() => carry(storedFiles(folder)))
    .catch(console.error)
}

/** Moves a result out of the memory into the workspace. */
async function deliver(paths: readonly string[]): Promise<void> {
  await carry(paths.flatMap(storedFiles))
  for (const path of paths) removeAll(path)
}

async function carry(paths: readonly string[]): Promise<void> {
  for (const path of paths) await elsewhere().write(path, (await readFile(path)) as Uint8Array)
}
