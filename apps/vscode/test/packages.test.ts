import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listFiles } from '@vscode/vsce'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildEngine } from '../build/engine.ts'
import { stage } from '../build/stage.ts'
import { machineOf, targets } from '../build/targets.ts'
import { buildWebEngine, buildWebExtension } from '../build/web.ts'

const folder = mkdtempSync(join(tmpdir(), 'sinter-targets-'))
const dist = join(folder, 'dist')

beforeAll(async () => {
  await buildEngine({ production: true, dist })
  await buildWebExtension({ production: true, dist })
  await buildWebEngine({ production: true, dist })
  for (const part of ['webviews', 'schema', 'meta']) mkdirSync(join(dist, part))
  for (const file of ['extension.cjs', 'webviews/model.js', 'schema/recipe.schema.json', 'meta/a.json', 'old.vsix'])
    writeFileSync(join(dist, file), '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Packed {
  readonly names: readonly string[]
  readonly manifest: { readonly main?: string; readonly browser?: string }
}

async function pack(target: string): Promise<Packed> {
  const cwd = join(folder, target)
  mkdirSync(cwd)
  stage(target, cwd, dist)
  return { names: await listFiles({ cwd }), manifest: JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) }
}

const isNative = (name: string): boolean => /\.(node|dylib|dll|so(\.\d+)*)$/.test(name)
const machines = targets().filter(name => name !== 'web')

test('there is a target for every machine that ONNX Runtime has a library for, and for the web', () => {
  expect(targets()).toEqual(['linux-x64', 'linux-arm64', 'win32-x64', 'win32-arm64', 'darwin-arm64', 'web'])
  expect(() => machineOf('darwin-x64')).toThrow('darwin-x64: onnxruntime-node has no library for it')
  expect(() => machineOf('../x')).toThrow('no such target')
})

test.for(machines)('the package for %s has the native library of that machine and of no other', async target => {
  const { names, manifest } = await pack(target)
  const natives = names.filter(isNative)
  const [platform, arch] = target.split('-')
  const place = `dist/node_modules/onnxruntime-node/bin/napi-v6/${platform}/${arch}/`
  expect(natives).toContain(`${place}onnxruntime_binding.node`)
  expect(natives.filter(name => !name.startsWith(place))).toEqual([])
  expect(names).toEqual(expect.arrayContaining(['dist/extension.cjs', 'dist/engine.mjs', 'dist/run.mjs', 'LICENSE']))
  expect(
    names.filter(name => /^dist\/(web\/|extension\.web|meta\/)|\.vsix$|\.map$|^src\/|\.test\./.test(name)),
  ).toEqual([])
  expect(manifest.browser).toBeUndefined()
  expect(existsSync(join(folder, target, manifest.main!))).toBe(true)
})

test('the package for the web has neither natives nor a program of Node', async () => {
  const { names, manifest } = await pack('web')
  expect(names.filter(isNative)).toEqual([])
  expect(names.filter(name => name.startsWith('dist/')).sort()).toEqual([
    'dist/extension.web.cjs',
    'dist/schema/recipe.schema.json',
    'dist/web/engine.js',
    'dist/web/ort.wasm',
    'dist/webviews/model.js',
  ])
  expect(manifest.main).toBeUndefined()
  expect(existsSync(join(folder, 'web', manifest.browser!))).toBe(true)
})

test('the part in a browser host is small, and asks for nothing but the editor', () => {
  const text = readFileSync(join(dist, 'extension.web.cjs'), 'utf8')
  expect(text.length).toBeLessThan(300_000)
  expect([...new Set([...text.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name))]).toEqual(['vscode'])
  expect(readdirSync(join(dist, 'web')).sort()).toEqual(['engine.js', 'ort.wasm'])
})
