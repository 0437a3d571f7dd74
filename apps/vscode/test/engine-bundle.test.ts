import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { buildEngine } from '../build/engine.ts'
import { copyNatives } from '../build/natives.ts'

const program = fileURLToPath(new URL('helpers/compress-demo.ts', import.meta.url))
const model = fileURLToPath(new URL('../../cli/assets/demo-model', import.meta.url))

/** Threads and native library must come from beside the bundle: it runs where no workspace is around it. */
test('the packed engine, far from the workspace, writes the bytes that its sources write', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-engine-'))
  try {
    const dist = join(folder, 'dist')
    await buildEngine({ production: true, dist, programs: [{ in: program, out: 'compress' }] })
    copyNatives(join(dist, 'node_modules'), { platform: process.platform, arch: process.arch })
    // What the extension's own manifest says of its .js files.
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const text = join(folder, 'text.txt')
    writeFileSync(text, 'The cat sat on the mat and looked at the moon. '.repeat(40))
    const run = (args: readonly string[], out: string): Buffer => {
      const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1', NODE_OPTIONS: '' }
      const { status, stderr } = spawnSync(process.execPath, [...args, model, text, join(folder, out)], {
        env,
        encoding: 'utf8',
      })
      expect(status, stderr).toBe(0)
      return readFileSync(join(folder, out, 'model.safetensors'))
    }
    const packed = run([join(dist, 'compress.mjs')], 'packed')
    const sources = run(['--conditions=@sinter/source', program], 'sources')
    expect(packed.equals(sources)).toBe(true)
    expect(packed.equals(readFileSync(join(model, 'model.safetensors')))).toBe(false)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
