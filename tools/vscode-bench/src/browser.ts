import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The system's Chromium; `CHROMIUM` names another. */
export const chromiumPath = (): string | undefined =>
  [process.env.CHROMIUM ?? '', ...places].find(path => path && existsSync(path))

const flags = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-gpu',
]

export interface Browser {
  readonly context: BrowserContext
  readonly page: Page
  /** Hosts that were asked for anything, but this machine. */
  readonly strangers: ReadonlySet<string>
  close(): Promise<void>
}

/** A browser with nothing in its profile. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = chromiumPath()
  if (!executablePath) throw new Error('no Chromium: apt-get install chromium, or name one in CHROMIUM')
  const profile = mkdtempSync(join(tmpdir(), 'sinter-chromium-'))
  const viewport = { width: 1280, height: 800 }
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: flags,
    viewport,
  })
  const strangers = new Set<string>()
  context.on('request', request => {
    const { protocol, hostname } = new URL(request.url())
    if (/^(https?|wss?):$/.test(protocol) && !isLocal(hostname)) strangers.add(hostname)
  })
  return {
    context,
    page: context.pages()[0] ?? (await context.newPage()),
    strangers,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Names of the webviews' files look like a host's; the page's own service worker answers for them. */
const isLocal = (name: string): boolean =>
  name === 'localhost' ||
  name === '127.0.0.1' ||
  name.endsWith('.localhost') ||
  name.endsWith('.vscode-resource.vscode-cdn.net')
