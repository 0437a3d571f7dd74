import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bench } from './install.ts'

export const extension: string = join(bench, '../../apps/vscode')
export const vsix: string = join(extension, 'dist/sinter-linux-x64.vsix')
/** For hosts in a browser: it has no program for any other. */
export const webVsix: string = join(extension, 'dist/sinter-web.vsix')

/** Builds and packs the extension as it is published. @throws Error with the build's output */
export function packExtension(): string {
  for (const args of [
    ['build.ts', '--production'],
    ['package.ts', 'linux-x64', 'web'],
  ]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: extension, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${args.join(' ')}:\n${stdout}${stderr}`)
    console.log(
      stdout
        .split('\n')
        .filter(line => /\d [kM]B {2}|\d kB$/.test(line))
        .join('\n'),
    )
  }
  return vsix
}
