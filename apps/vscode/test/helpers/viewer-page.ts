import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { viewerPage } from '../../src/host/viewer/page.ts'
import { type Shown, viewSession } from '../../src/host/viewer/session.ts'
import type { ModelReader } from '../../src/shared/model-reader.ts'
import { type ThemeName, themes } from './themes.ts'

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const hasChromium: boolean = existsSync(executable)
if (!hasChromium)
  console.warn(`\nLEFT OUT: the viewers in a browser. ${executable} is not there: install Chromium or set CHROMIUM.\n`)

const from = createRequire(import.meta.url)

export const bundleViewer = (): Promise<string> => bundlePage('model')

/** The script of a page of `src/webviews`. */
export async function bundlePage(name: string): Promise<string> {
  const entry = fileURLToPath(new URL(`../../src/webviews/${name}/main.ts`, import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'chrome128',
  })
  return outputFiles[0]!.text
}

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executable,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })

export interface ViewerPage {
  readonly page: Page
  /** Policy violations and errors so far. */
  readonly problems: string[]
  /** Requests that left the page, other than for itself. */
  readonly requests: string[]
  /** Messages that the page sent. */
  readonly sent: unknown[]
  /** Serious and critical findings of axe, as text. */
  axe(): Promise<string[]>
}

const origin = 'http://localhost:1'

/** A viewer and the host's session behind it. */
export function openViewer(
  browser: Browser,
  script: string,
  { shown, reader, theme }: { shown: Shown; reader: ModelReader; theme?: ThemeName },
): Promise<ViewerPage> {
  return openWebview(browser, script, post => viewSession(shown, () => reader, post).receive, theme)
}

/**
 * A page as the workbench would show it: the host's HTML and a stub for its API.
 * @param connect the host's side: given how to send, it returns what takes the page's messages
 */
export async function openWebview(
  browser: Browser,
  script: string,
  connect: (post: (message: unknown) => void) => (message: unknown) => unknown,
  theme: ThemeName = 'dark',
): Promise<ViewerPage> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } })
  const problems: string[] = []
  const requests: string[] = []
  const sent: unknown[] = []
  page.on('pageerror', error => problems.push(String(error)))
  page.on('console', message => message.type() === 'error' && problems.push(message.text()))
  const html = viewerPage(`${origin}/model.js`, 'abc123', 'en')
  await page.route('**/*', route => {
    const url = route.request().url()
    if (url === `${origin}/`) return route.fulfill({ contentType: 'text/html', body: html })
    if (url === `${origin}/model.js`) return route.fulfill({ contentType: 'text/javascript', body: script })
    requests.push(url)
    return route.abort()
  })
  const receive = connect(message => {
    page.evaluate(data => window.postMessage(data, '*'), message).catch(() => {})
  })
  await page.exposeFunction('toHost', (message: unknown) => {
    sent.push(message)
    return receive(message)
  })
  await page.addInitScript(stub, themes[theme])
  await page.goto(`${origin}/`)
  return { page, problems, requests, sent, axe: () => findings(page) }
}

interface Stubbed {
  toHost(message: unknown): Promise<void>
  acquireVsCodeApi?: () => { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void }
  violations?: string[]
}

/** Runs in the page, before its script. */
function stub({ kind, colors }: (typeof themes)[ThemeName]): void {
  const global = window as unknown as Stubbed
  global.acquireVsCodeApi = () => ({
    postMessage: message => void global.toHost(message),
    getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined,
    setState: state => sessionStorage.setItem('state', JSON.stringify(state)),
  })
  document.addEventListener('securitypolicyviolation', event => {
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)
  })
  document.addEventListener('DOMContentLoaded', () => {
    document.body.classList.add(kind)
    for (const [name, value] of Object.entries(colors))
      document.documentElement.style.setProperty(`--vscode-${name}`, value)
  })
}

async function findings(page: Page): Promise<string[]> {
  // Through the debugger, so that the page's policy need not allow it.
  const { readFile } = await import('node:fs/promises')
  await page.evaluate(await readFile(from.resolve('axe-core/axe.min.js'), 'utf8'))
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[]
        }>
      }
    }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)} ${nodes[0]!.failureSummary}`)
  })
}
