import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './workspace.ts'

/** Runs turbo, which shall report to nobody. */
export function turbo(args: readonly string[], cwd: string): { readonly status: number; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/turbo'), args, {
    cwd,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  return { status: status ?? 1, output: stdout + stderr }
}
