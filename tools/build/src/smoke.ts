import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { execute } from './execute.ts'
import { root } from './workspace.ts'

/** PATH without the workspace's own Node, so that what runs is what a user has. */
const systemPath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter(folder => !folder.startsWith(root.replace(/\/$/, '')))
  .join(delimiter)

const script = `
import { gptq } from '@sinter/quantization'
import { rtn } from '@sinter/quantization'
const weight = { dtype: 'f32', shape: [2, 64], data: Float32Array.from({ length: 128 }, (_, i) => Math.sin(i)) }
const gram = new Float64Array(64 * 64)
for (let i = 0; i < 64; i++) gram[i * 65] = 1
const { weight: compressed } = await gptq(weight, gram, { bits: 4, groupSize: 64 })
const dense = compressed.dense()
if (dense.shape.join() !== '2,64') throw new Error('gptq gave the shape ' + dense.shape)
if (typeof rtn !== 'function') throw new Error('rtn is not exported')
`

/** Installs the tarballs as a user would, and uses them. @returns what went wrong */
export function smoke(tarballs: ReadonlyMap<string, string>, project: string): string[] {
  mkdirSync(project, { recursive: true })
  const files = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]))
  const manifest = { private: true, type: 'module', dependencies: files, overrides: files }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, 'use.js'), script)
  const env = { PATH: systemPath }
  try {
    execute('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
      cwd: project,
      env,
    })
    const version = execute('node', ['--version'], { cwd: project, env }).trim()
    execute('node', ['use.js'], { cwd: project, env })
    for (const name of tarballs.keys()) execute('node', ['-e', `import('${name}')`], { cwd: project, env })
    execute('npx', ['--no-install', 'sinter', '--help'], { cwd: project, env })
    execute('npx', ['--no-install', 'sinter', 'demo', '--quiet', '--out', join(project, 'demo')], { cwd: project, env })
    console.log(`installed from tarballs and run by Node ${version}: ok`)
    return []
  } catch (error) {
    return [`installed from tarballs: ${(error as Error).message}`]
  }
}
