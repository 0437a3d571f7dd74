import { readFile } from 'node:fs/promises'

/**
 * Whether the process that a run's status names is still at work on it. Numbers of processes are used again: where the system tells
 * the command line of a process, it must be that of this run.
 */
export async function isAtWork(pid: number, id: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  // A process that has ended but was not waited for has an empty one.
  return command === undefined ? process.platform !== 'linux' : command.includes(id)
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
