import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { install } from './install.ts'
import { addObserver, type Observed, observedEnv, observedOf } from './observed.ts'
import { quietSettings } from './settings.ts'

export interface HostOptions {
  /** Packed extensions to install first. */
  readonly vsix?: readonly string[]
  readonly settings?: Readonly<Record<string, unknown>>
  /** Options of the workbench's server, such as `enable-smoke-test-driver`. */
  readonly options?: readonly string[]
  /** Ask whether the folder is trusted, as an editor on a desktop does. */
  readonly askTrust?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Called with the host's folder when the extensions are in it and nothing runs yet. */
  readonly prepare?: (folder: string) => void
}

export interface Host {
  readonly port: number
  /** Its own home, settings and extensions; gone after `stop`. */
  readonly folder: string
  /** The address of a workspace's folder. */
  url(workspace: string, payload?: readonly (readonly [string, string])[]): string
  /** What the server wrote, for the message of a test that failed. */
  log(): string
  readonly observed: Observed
  stop(): Promise<void>
}

const START_MS = 60_000

/** Starts a workbench of its own, with an empty home, and waits until it answers. @throws Error with what the server wrote */
export async function startHost({
  vsix = [],
  settings = {},
  options = [],
  askTrust = false,
  env = {},
  prepare,
}: HostOptions = {}): Promise<Host> {
  const { node, entry } = install()
  const folder = mkdtempSync(join(tmpdir(), 'sinter-bench-'))
  const home = join(folder, 'home')
  for (const part of ['ud/User', 'ud/Machine', 'ext', 'home']) mkdirSync(join(folder, part), { recursive: true })
  writeFileSync(join(folder, 'config.yaml'), 'auth: none\n')
  const own = {
    ...process.env,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_CACHE_HOME: join(home, '.cache'),
  }
  // No gallery: without it the workbench asks no host but its own.
  const environment = { ...own, EXTENSIONS_GALLERY: '{"serviceUrl":""}', ...env }
  const common = [
    entry,
    '--config',
    join(folder, 'config.yaml'),
    '--user-data-dir',
    join(folder, 'ud'),
    '--extensions-dir',
    join(folder, 'ext'),
  ]
  for (const file of vsix) installVsix(node, [...common, '--install-extension', file, '--force'], environment)

  writeFileSync(join(folder, 'ud/User/settings.json'), JSON.stringify({ ...quietSettings, ...settings }, null, 2))
  // Settings of the machine's scope are taken from here alone.
  writeFileSync(join(folder, 'ud/Machine/settings.json'), JSON.stringify(addObserver(folder, node)))
  prepare?.(folder)

  const port = await freePort()
  const trust = askTrust ? [] : ['--disable-workspace-trust']
  const quiet = [
    '--disable-telemetry',
    '--disable-update-check',
    '--disable-getting-started-override',
    '--ignore-last-opened',
  ]
  const workbench = options.flatMap(option => ['--vscode-option', option])
  const args = [...common, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', ...quiet, ...trust, ...workbench]
  // A group of its own, so that what the extension host started ends with it.
  const server = spawn(node, args, {
    env: { ...environment, ...observedEnv(folder) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [server.stdout, server.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  const log = (): string => lines.join('')
  const stop = async (): Promise<void> => {
    await endGroup(server)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await answering(port, server, log)
  } catch (error) {
    await stop()
    throw error
  }
  const url = (workspace: string, payload: readonly (readonly [string, string])[] = []): string =>
    address(port, workspace, payload)
  return { port, folder, url, log, observed: observedOf(folder), stop }
}

/** `localhost` and not its number: only a name makes the page a secure context, which webviews need. */
function address(port: number, workspace: string, payload: readonly (readonly [string, string])[]): string {
  const query = new URLSearchParams({ folder: workspace })
  if (payload.length > 0) query.set('payload', JSON.stringify(payload))
  return `http://localhost:${port}/?${query.toString().replaceAll('+', '%20')}`
}

function installVsix(node: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(node, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the extension was not installed:\n${stdout}${stderr}`)
}

async function answering(port: number, server: ChildProcess, log: () => string): Promise<void> {
  const until = Date.now() + START_MS
  while (Date.now() < until && server.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)
    if (answer?.ok) return
    await wait(200)
  }
  throw new Error(`the workbench did not answer on port ${port} within ${START_MS / 1000} s:\n${log().slice(-4000)}`)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

async function endGroup(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null) return
  const ended = new Promise(resolve => server.once('exit', resolve))
  signalGroup(server.pid, 'SIGTERM')
  if ((await Promise.race([ended, wait(5000, 'late')])) === 'late') signalGroup(server.pid, 'SIGKILL')
  await ended
  // Children that did not hear the first signal.
  signalGroup(server.pid, 'SIGKILL')
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended.
  }
}
