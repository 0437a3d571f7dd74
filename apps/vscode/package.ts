// Packs dist/ into a .vsix for one platform and says what takes the room. `node package.ts`, after `node build.ts --production`
import { cpSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createVSIX, listFiles } from '@vscode/vsce'
import { app, root } from './build/entries.ts'

const target = 'linux-x64'
const packagePath = join(app, 'dist', `sinter-${target}.vsix`)
const license = join(app, 'LICENSE')

rmSync(packagePath, { force: true })
cpSync(join(root, 'LICENSE'), license)
try {
  // The dependencies are in the bundles; the workspace's links mean nothing to the packer.
  await createVSIX({
    cwd: app,
    packagePath,
    target,
    dependencies: false,
    allowMissingRepository: true,
    skipLicense: false,
  })
  const files = await listFiles({ cwd: app })
  report(files.map(name => ({ name, bytes: statSync(join(app, name)).size })))
} finally {
  rmSync(license)
}

function report(files: readonly { name: string; bytes: number }[]): void {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2).padStart(7)} MB`
  const parts: readonly [string, RegExp][] = [
    ['extension host', /^dist\/extension\.cjs$/],
    ['webviews', /^dist\/webviews\//],
    ['ONNX Runtime', /^dist\/node_modules\//],
    ['engine', /^dist\/(?!node_modules|webviews|extension\.cjs)/],
    ['the rest', /^(?!dist\/)/],
  ]
  for (const [name, pattern] of parts) {
    const own = files.filter(file => pattern.test(file.name))
    console.log(`${megabytes(own.reduce((sum, { bytes }) => sum + bytes, 0))}  ${name} (${own.length} files)`)
  }
  console.log(`${megabytes(statSync(packagePath).size)}  ${packagePath}`)
}
