// Packs dist/ into a .vsix for each target named, and says what takes the room. `node package.ts [TARGET… | all]`, after
// `node build.ts --production`
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVSIX, listFiles } from '@vscode/vsce'
import { app } from './build/entries.ts'
import { stage } from './build/stage.ts'
import { targets } from './build/targets.ts'

const named = process.argv.slice(2)
for (const target of named.includes('all') ? targets() : named.length > 0 ? named : ['linux-x64']) await pack(target)

async function pack(target: string): Promise<void> {
  const packagePath = join(app, 'dist', `sinter-${target}.vsix`)
  rmSync(packagePath, { force: true })
  const cwd = mkdtempSync(join(tmpdir(), 'sinter-package-'))
  try {
    stage(target, cwd)
    // The dependencies are in the bundles.
    await createVSIX({
      cwd,
      packagePath,
      target,
      dependencies: false,
      allowMissingRepository: true,
      skipLicense: false,
    })
    const files = await listFiles({ cwd })
    report(files.map(name => ({ name, bytes: statSync(join(cwd, name)).size })))
  } finally {
    rmSync(cwd, { recursive: true })
  }
  console.log(`${megabytes(statSync(packagePath).size)}  ${packagePath}`)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2).padStart(7)} MB`
}

function report(files: readonly { name: string; bytes: number }[]): void {
  const parts: readonly [string, RegExp][] = [
    ['extension host', /^dist\/extension(\.web)?\.cjs$/],
    ['webviews', /^dist\/webviews\//],
    ['ONNX Runtime', /^dist\/(node_modules\/|web\/ort\.wasm)/],
    ['engine', /^dist\/(?!node_modules|webviews|extension|web\/ort)/],
    ['the rest', /^(?!dist\/)/],
  ]
  for (const [name, pattern] of parts) {
    const own = files.filter(file => pattern.test(file.name))
    console.log(`${megabytes(own.reduce((sum, { bytes }) => sum + bytes, 0))}  ${name} (${own.length} files)`)
  }
}
