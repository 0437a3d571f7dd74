import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { untagged } from '../src/tags.ts'
import { turbo } from '../src/turbo.ts'
import { publishedInOrder, root, workspacePackages } from '../src/workspace.ts'

// The repository's own rules and manifests, with one file in each package, so that a violation can be put in.
let copy = ''
const configs = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', 'turbo.json', 'tsconfig.json']

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'sinter-boundaries-'))
  for (const name of configs) cpSync(join(root, name), join(copy, name))
  for (const { folder } of workspacePackages())
    for (const name of ['package.json', 'turbo.json'])
      if (existsSync(join(root, folder, name))) cpSync(join(root, folder, name), join(copy, folder, name))
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

/** Puts a file in, and with `declare` the dependency that it needs, and runs the check. */
function check(file: string, code: string, declare?: string): { status: number; output: string } {
  const path = join(copy, file)
  const manifestPath = join(copy, file.split('/').slice(0, 2).join('/'), 'package.json')
  const manifest = readFileSync(manifestPath, 'utf8')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, code)
  if (declare) {
    const changed = JSON.parse(manifest) as { dependencies?: Record<string, string> }
    changed.dependencies = { ...changed.dependencies, [declare]: 'workspace:^' }
    writeFileSync(manifestPath, JSON.stringify(changed))
  }
  try {
    return turbo(['boundaries', '--no-color'], copy)
  } finally {
    rmSync(path)
    writeFileSync(manifestPath, manifest)
  }
}

describe('pnpm boundaries', () => {
  test('lets the arrow pass', () => {
    const { status, output } = check('packages/pruning/src/a.ts', "export * from '@sinter/tensor-core'\n")
    expect(output).toContain('no issues found')
    expect(status).toBe(0)
  })

  const violations: readonly [title: string, file: string, code: string, declare?: string][] = [
    [
      'a method package that depends on another',
      'packages/pruning/src/a.ts',
      "export * from '@sinter/quantization'\n",
      '@sinter/quantization',
    ],
    [
      'eval that depends on a method package',
      'packages/eval/src/a.ts',
      "export * from '@sinter/pruning'\n",
      '@sinter/pruning',
    ],
    [
      'tensor-core that depends on the model',
      'packages/tensor-core/src/a.ts',
      "export * from '@sinter/model'\n",
      '@sinter/model',
    ],
    [
      'the model that depends on the engine',
      'packages/model/src/a.ts',
      "export * from '@sinter/engine'\n",
      '@sinter/engine',
    ],
    ['an undeclared import', 'packages/pruning/src/a.ts', "export * from '@sinter/quantization'\n"],
    [
      'an undeclared import of types',
      'packages/pruning/src/a.ts',
      "export type { GptqOptions } from '@sinter/quantization'\n",
    ],
    [
      'a dynamic import',
      'packages/pruning/src/a.ts',
      "export const a = (): Promise<unknown> => import('@sinter/engine')\n",
    ],
    ['a path into another package', 'packages/pruning/src/a.ts', "export * from '../../quantization/src/rtn.ts'\n"],
  ]
  test.each(violations)('stops %s', (_title, file, code, declare) => {
    expect(check(file, code, declare).status).not.toBe(0)
  })

  test('every package and app has a tag, or no rule would hold for it', () => {
    expect(untagged(root)).toEqual([])
  })
})

test('packages are built after what they depend on', () => {
  const names = publishedInOrder().map(({ manifest }) => manifest.name)
  const at = (name: string) => names.indexOf(name)
  expect(names.at(-1)).toBe('sinter')
  expect(at('@sinter/tensor-core')).toBeLessThan(at('@sinter/model'))
  expect(at('@sinter/pruning')).toBeLessThan(at('@sinter/engine'))
})
