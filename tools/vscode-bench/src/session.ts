import { rmSync } from 'node:fs'
import type { Frame, Page } from 'playwright-core'
import { axeFindings } from './axe.ts'
import { type Browser, openBrowser } from './browser.ts'
import { type Host, type HostOptions, startHost } from './host.ts'
import { localeCookie } from './pseudo-locale.ts'
import { type Theme, themes } from './settings.ts'
import { artefacts, happens, openWorkbench, PATIENCE_MS, pick, runCommand, screenshot, webviews } from './workbench.ts'
import { makeWorkspace } from './workspace.ts'

/** A workbench with a browser on it, and a workspace of its own. */
export interface Session extends Browser {
  readonly host: Host
  readonly workspace: string
  /** What axe found in webviews, and what their policies stopped. */
  readonly problems: readonly string[]
  /** Pictures of what is shown now in every theme, and what axe finds in it; the last theme stays. */
  inThemes(name: string): Promise<void>
}

/** @param locale opens the page in the pseudo-locale, which the host must speak */
export async function openSession(
  options: HostOptions,
  files: Readonly<Record<string, string>> = {},
  locale = false,
): Promise<Session> {
  const workspace = makeWorkspace(files)
  const host = await startHost(options)
  const browser = await openBrowser().catch(async error => {
    await host.stop()
    throw error
  })
  const close = async (): Promise<void> => {
    await browser.close()
    await host.stop()
    rmSync(workspace, { recursive: true, force: true, maxRetries: 5 })
  }
  if (locale) await browser.context.addCookies([localeCookie(host.port)])
  const problems: string[] = []
  browser.page.on('console', message => {
    // The page of a webview is written into a frame, which takes every listener from it: what its policy stops is only told here.
    if (/Content Security Policy/.test(message.text())) problems.push(`${message.text()} ${message.location().url}`)
  })
  browser.page.on('dialog', dialog => {
    // A script of a stranger would say something; the workbench asks only before it is left.
    if (dialog.type() !== 'beforeunload') problems.push(`dialog: ${dialog.message()}`)
    void dialog.accept()
  })
  await openWorkbench(browser.page, host.url(workspace)).catch(async error => {
    await close()
    throw error
  })
  return {
    ...browser,
    host,
    workspace,
    problems,
    async inThemes(name) {
      for (const theme of Object.keys(themes) as Theme[]) {
        await setTheme(browser.page, theme)
        await screenshot(browser.page, `${name}-${theme}`)
        for (const view of webviews(browser.page))
          problems.push(...(await axeFindings(view)).map(found => `${name}, ${theme}: ${found}`))
      }
    },
    close,
  }
}

/** As a person does: the workbench does not watch its settings' file closely enough to wait for. */
async function setTheme(page: Page, theme: Theme): Promise<void> {
  const { label, shown, within } = themes[theme]
  await runCommand(page, 'Preferences: Color Theme')
  const input = page.locator('.quick-input-widget:visible input[type=text]')
  await page
    .locator('.quick-input-list .monaco-list-row', { hasText: 'Modern' })
    .first()
    .waitFor({ timeout: PATIENCE_MS })
  await input.fill(label)
  await pick(page, label)
  await page.waitForSelector(`.monaco-workbench${shown}`, { timeout: PATIENCE_MS })
  const has = (view: Frame): Promise<boolean> =>
    view.evaluate(body => document.querySelector(body) !== null, `body${within}`)
  // One that goes away meanwhile has no theme to wait for.
  const painted = async (): Promise<boolean> => {
    const all = await Promise.all(webviews(page).map(view => has(view).catch(() => false)))
    return all.every(Boolean)
  }
  await happens(`${label} in every webview`, painted)
  await twoFrames(page)
}

/** What has changed is drawn in the next. */
const twoFrames = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))

/** Runs a journey; when it fails there is a picture of the moment. @throws what the journey throws, with the picture's path */
export async function journey(name: string, { page, host }: Session, walk: () => Promise<void>): Promise<void> {
  try {
    await walk()
  } catch (error) {
    const picture = await screenshot(page, `FAILED-${name}`).catch(() => artefacts)
    throw new Error(`${name}: ${(error as Error).message}\nsee ${picture}\n${host.log().slice(-1000)}`, {
      cause: error,
    })
  }
}
