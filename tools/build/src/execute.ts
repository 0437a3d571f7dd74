import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { root } from './workspace.ts'

export interface ExecuteOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Runs a program to its end. @returns its output. @throws Error with the output when it fails */
export function execute(
  command: string,
  args: readonly string[],
  { cwd = root, env = {} }: ExecuteOptions = {},
): string {
  const path = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, PATH: path, ...env },
    encoding: 'utf8',
    // Lists of what is in a tarball and the compiler's errors are long, but never this long.
    maxBuffer: 64 * 2 ** 20,
    shell: process.platform === 'win32',
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${status}):\n${stdout}${stderr}`)
  return stdout
}
