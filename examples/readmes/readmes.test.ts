import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const assets = join(root, 'apps/cli/assets')
const packages = readdirSync(join(root, 'packages'))
const codeOf = (name: string): string =>
  /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, `packages/${name}/README.md`), 'utf8'))![1]!

/** A folder as a reader has it: packages that are installed, and two models. */
const folder = mkdtempSync(join(tmpdir(), 'sinter-readmes-'))
afterAll(() => rmSync(folder, { recursive: true }))
symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'))
symlinkSync(join(assets, 'demo-model'), join(folder, 'model'))
symlinkSync(join(assets, 'demo-student'), join(folder, 'small'))

describe('the example in the README of', () => {
  // A server waits for what a client says.
  test.each(packages.filter(name => name !== 'mcp'))('%s runs', async name => {
    const file = join(folder, `${name}.ts`)
    writeFileSync(file, codeOf(name))
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@sinter/source', file], {
      cwd: folder,
    })
    expect(stdout).toMatch(/^(?!.*undefined).+/s)
  })
})
