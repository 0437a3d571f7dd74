import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RunError } from './run-error.ts'

/**
 * Takes a run's folder for this process: two runs in one would mix their blocks. What a killed process left is taken over.
 * @returns gives the folder back
 * @throws RunError `journal-busy` while the process that has it is alive
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'process')
  while (!(await created(path))) {
    const pid = Number(await readFile(path, 'utf8').catch(() => ''))
    if (isAlive(pid))
      throw new RunError(
        'journal-busy',
        `process ${pid} is at work in ${folder}; wait for it or stop it (if it is some other program, delete ${path})`,
      )
    await rm(path, { force: true })
  }
  return () => rm(path, { force: true })
}

async function created(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of somebody else's is alive too.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
