import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll } from 'vitest'
import { runFolder } from '../../src/engine-client/index.ts'

const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** A process that is there, and that the system knows by the folder of a run. */
export const processOf = (workspace: string, id: string): ChildProcess => processNaming(runFolder(workspace, id))

/** A process with a word on its command line. */
export function processNaming(word: string): ChildProcess {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', word], { stdio: 'ignore' })
  started.push(child)
  return child
}
