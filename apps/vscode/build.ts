// Makes dist/: the extension, the engine's programs, the webviews, the native library. `node build.ts [--production]`
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { buildEngine } from './build/engine.ts'
import { app, root, webviewEntries } from './build/entries.ts'
import { copyNatives } from './build/natives.ts'
import { buildWebEngine, buildWebExtension } from './build/web.ts'

const production = process.argv.includes('--production')
const dist = join(app, 'dist')
const common = {
  bundle: true,
  minify: production,
  sourcemap: production ? false : 'linked',
  logLevel: 'warning',
} as const

rmSync(dist, { recursive: true, force: true })
mkdirSync(join(dist, 'meta'), { recursive: true })

// Parts that most sessions never need are chunks of their own; esbuild splits only ESM, and the host's loader wants CommonJS,
// so that `import()` stays lazy in running, not in reading.
const extension = await build({
  ...common,
  entryPoints: [join(app, 'src/extension.ts')],
  outfile: join(dist, 'extension.cjs'),
  format: 'cjs',
  platform: 'node',
  target: 'node22',
  external: ['vscode'],
  mainFields: ['module', 'main'],
  metafile: true,
})
const webviews = await build({
  ...common,
  entryPoints: webviewEntries().map(({ in: from, out }) => ({ in: from, out })),
  outdir: join(dist, 'webviews'),
  format: 'iife',
  platform: 'browser',
  target: 'chrome128',
  loader: { '.css': 'text' },
  metafile: true,
})
const engine = await buildEngine({ production })
const webExtension = await buildWebExtension({ production })
const webEngine = await buildWebEngine({ production })
const parts = { extension, webviews, engine, webExtension, webEngine }
for (const [name, { metafile }] of Object.entries(parts))
  writeFileSync(join(dist, 'meta', `${name}.json`), JSON.stringify(metafile))

cpSync(join(root, 'packages/engine/schema'), join(dist, 'schema'), { recursive: true })
copyNatives(join(dist, 'node_modules'), { platform: 'linux', arch: 'x64' })

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`
const sum = (outputs: Readonly<Record<string, { bytes: number }>>): number =>
  Object.entries(outputs).reduce((total, [name, { bytes }]) => total + (name.endsWith('.map') ? 0 : bytes), 0)
for (const [name, { metafile }] of Object.entries(parts))
  console.log(`${name.padEnd(13)} ${kilobytes(sum(metafile.outputs))}`)
