import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bench } from './install.ts'

/** Runs `sinter` from its sources. @throws Error with what it said */
export const commandLine = (args: readonly string[]): void => runSource('apps/cli/src/main.ts', args)

/** Obeys a recipe in Node on the backend that a browser has. @throws Error with what it said */
export const compressOnWasm = (recipe: string, out: string): void =>
  runSource('apps/vscode/test/helpers/compress-on-wasm.ts', [recipe, out])

function runSource(program: string, args: readonly string[]): void {
  const node = ['--conditions=@sinter/source', join(bench, '../..', program)]
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}:\n${stdout}${stderr}`)
}
