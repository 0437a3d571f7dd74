import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Frame, Locator, Page } from 'playwright-core'
import { bench } from './install.ts'

/** On two cores the first webview takes up to ten seconds, and several times that beside other work. */
export const PATIENCE_MS = 60_000

export const artefacts: string = process.env.SINTER_BENCH_ARTEFACTS ?? join(bench, 'artefacts')

/** Opens a page of the workbench and waits until it has drawn its parts. */
export async function openWorkbench(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForSelector('.monaco-workbench .part.statusbar', { timeout: PATIENCE_MS })
}

/** Runs a command by its title, as a person does. */
export async function runCommand(page: Page, title: string): Promise<void> {
  await chooseBy(page, 'F1', `>${title}`, title)
}

/** Opens a file by its name. */
export async function openFile(page: Page, name: string): Promise<void> {
  await chooseBy(page, 'Control+P', name, name)
}

/**
 * Types into the list that a key opens, and clicks a row of it. The list is that of the moment it was opened, and a window that is busy
 * may take the focus from it: then it is opened again.
 */
async function chooseBy(page: Page, key: string, typed: string, text: string): Promise<void> {
  const input = page.locator('.quick-input-widget:visible input[type=text]')
  const row = page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first()
  const until = Date.now() + PATIENCE_MS
  while (Date.now() < until) {
    await page.keyboard.press(key)
    const done = await input
      .fill(typed, { timeout: 5000 })
      .then(() => row.click({ timeout: 5000 }))
      .then(
        () => true,
        () => false,
      )
    if (done) return
    await page.keyboard.press('Escape')
  }
  throw new Error(`${key} offers no "${text}" after ${PATIENCE_MS / 1000} s`)
}

/** Clicks the row of an open list that has a text. */
export async function pick(page: Page, text: string): Promise<void> {
  await page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first().click({ timeout: PATIENCE_MS })
}

/** Closes every editor, and waits until what they showed is gone: the next one is not taken for it. */
export async function closeEditors(page: Page): Promise<void> {
  await runCommand(page, 'View: Close All Editors')
  await happens('closing', () => webviews(page).length === 0)
}

/** The frame of a webview that has an element. */
export async function webviewWith(page: Page, selector: string, everyMs = 100): Promise<Frame> {
  const until = Date.now() + PATIENCE_MS
  while (Date.now() < until) {
    for (const frame of webviews(page)) if (await frame.$(selector).catch(() => null)) return frame
    await page.waitForTimeout(everyMs)
  }
  throw new Error(`no webview has ${selector} after ${PATIENCE_MS / 1000} s; frames: ${page.frames().length}`)
}

/** Frames of webviews, as far as they are shown: each is the second of two nested ones. */
export const webviews = (page: Page): Frame[] =>
  page.frames().filter(frame => frame.parentFrame()?.parentFrame() === page.mainFrame())

/** Waits for something outside of the window. @throws Error when it does not happen */
export async function happens(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + PATIENCE_MS
  while (!(await look())) {
    if (Date.now() > until) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`)
    await wait(50)
  }
}

/** Lines of the editor in front, as they are drawn. */
export const editorLines = (page: Page): Locator => page.locator('.editor-instance .view-lines .view-line')

/** @returns the picture's path, for the message of a test */
export async function screenshot(page: Page, name: string): Promise<string> {
  mkdirSync(artefacts, { recursive: true })
  const path = join(artefacts, `${name}.png`)
  await page.screenshot({ path })
  return path
}

/** Titles of the palette's commands that match, as they are shown. */
export async function paletteRows(page: Page, text: string): Promise<string[]> {
  await page.keyboard.press('F1')
  const input = page.locator('.quick-input-widget:visible input[type=text]')
  await input.waitFor({ timeout: PATIENCE_MS })
  await input.fill(`>${text}`)
  const labels = page.locator('.quick-input-list .monaco-list-row .quick-input-list-row:first-child .label-name')
  await labels.filter({ hasText: text }).first().waitFor({ timeout: PATIENCE_MS })
  const rows = new Set<string>()
  // The list draws what is in sight, and a slow window may draw late: it ends when several steps bring nothing new.
  for (let still = 0; still < 5; still++) {
    const known = rows.size
    for (const row of await labels.allTextContents()) rows.add(row.trim())
    if (rows.size > known) still = 0
    await page.keyboard.press('PageDown')
    await page.waitForTimeout(100)
  }
  await page.keyboard.press('Escape')
  return [...rows]
}
