import { readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { runsFolder } from './run-folder.ts'

/**
 * Whether the process that a run's status names is still at work on it. Numbers of processes are used again, and a status may be a
 * stranger's: where the system tells the command line of a process, the run's folder must be in it, by whatever way that was reached.
 */
export async function isAtWork(pid: number, id: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  // A process that has ended but was not waited for has an empty one.
  return command === undefined
    ? process.platform !== 'linux'
    : command.split('\0').some(part => part.endsWith(sep + join(runsFolder(''), id)))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of somebody else's is alive too.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
