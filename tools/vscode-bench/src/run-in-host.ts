import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { openBrowser } from './browser.ts'
import { startHost } from './host.ts'
import { type InHostResult, RESULTS } from './in-host/in-host-test.ts'
import { bench } from './install.ts'
import { extension } from './pack.ts'
import { makeWorkspace } from './workspace.ts'

const LIMIT_MS = 300_000

export interface InHostRun {
  /** What the window says when its tests have ended: 0 when all passed. */
  readonly exitCode: number
  readonly results: readonly InHostResult[]
  readonly log: string
}

/**
 * Runs the tests of `in-host` inside a real extension host, on the built extension. Without the smoke driver the workbench passes
 * over the paths in the address in silence; with it there are no notifications, so journeys have a host of their own.
 */
export async function runInHost(): Promise<InHostRun> {
  const bundle = await bundleTests()
  const workspace = makeWorkspace()
  const output = join(workspace, 'in-host-results.json')
  const host = await startHost({ options: ['enable-smoke-test-driver'], env: { [RESULTS]: output } })
  const browser = await openBrowser()
  try {
    const lines: string[] = []
    let exit: (code: number) => void = () => {}
    await browser.page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) =>
      lines.push(args.join(' ')),
    )
    const ended = new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no end after ${LIMIT_MS / 1000} s\n${host.log()}`)), LIMIT_MS)
      exit = code => {
        clearTimeout(late)
        resolve(code)
      }
    })
    await browser.page.exposeFunction('codeAutomationExit', exit)
    const remote = (path: string): string => `vscode-remote://localhost:${host.port}${path}`
    const payload = [
      ['extensionDevelopmentPath', remote(extension)],
      ['extensionTestsPath', remote(bundle)],
      ['skipWelcome', 'true'],
    ] as const
    await browser.page.goto(host.url(workspace, payload))
    const exitCode = await ended
    const results = existsSync(output) ? (JSON.parse(readFileSync(output, 'utf8')) as InHostResult[]) : []
    return { exitCode, results, log: lines.join('\n') }
  } finally {
    await browser.close()
    await host.stop()
    rmSync(workspace, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Into a folder below which mocha is found. */
async function bundleTests(): Promise<string> {
  const outfile = join(bench, '.host/in-host/index.cjs')
  mkdirSync(join(outfile, '..'), { recursive: true })
  const entryPoints = [join(bench, 'src/in-host/index.ts')]
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  })
  return outfile
}
