import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { app, loadedByUrl, placeOf } from '../build/entries.ts'

// A few kilobytes of it are used by most sessions; what is heavy runs in the engine's process.
const LIMIT_BYTES = 300_000

test('the part in the extension host is small, and knows nothing of the engine', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(app, 'src/extension.ts')],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'cjs',
    platform: 'node',
    external: ['vscode'],
    mainFields: ['module', 'main'],
    conditions: ['@sinter/source'],
    logLevel: 'silent',
  })
  console.log(`extension host: ${(outputFiles[0]!.contents.length / 1000).toFixed(0)} kB`)
  expect(outputFiles[0]!.contents.length).toBeLessThan(LIMIT_BYTES)
  const inputs = Object.keys(metafile.inputs)
  expect(inputs.length).toBeGreaterThan(5)
  expect(inputs.filter(path => /(^|\/)packages\/|src\/engine\/|onnxruntime|zod/.test(path))).toEqual([])
})

test('what the packages load by its URL is found, and none twice', () => {
  const places = loadedByUrl().map(({ in: file }) => placeOf(file))
  expect(places).toContain('packages/tensor-core/src/kernels/product')
  expect(places).toContain('packages/tensor-core/src/backends/ort-node-worker')
  expect(places).toContain('packages/engine/src/run/calibration-process')
  expect(new Set(places).size).toBe(places.length)
})
