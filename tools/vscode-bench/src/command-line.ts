import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bench } from './install.ts'

/** Runs `sinter` from its sources. @throws Error with what it said */
export function commandLine(args: readonly string[]): void {
  const program = ['--conditions=@sinter/source', join(bench, '../../apps/cli/src/main.ts')]
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`sinter ${args.join(' ')}:\n${stdout}${stderr}`)
}
