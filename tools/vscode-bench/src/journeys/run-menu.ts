import { setTimeout as wait } from 'node:timers/promises'
import type { Locator, Page } from 'playwright-core'
import { PATIENCE_MS, runCommand } from '../workbench.ts'

const MENU_MS = 5000

/** An entry of the menu that a run has in the Runs view; the menu is opened again where it went away before the press. */
export async function chooseOfRun(page: Page, name: string, entry: string): Promise<void> {
  const row = await rowOf(page, name)
  const item = page.locator('.monaco-menu .action-item', { hasText: entry }).first()
  const choose = async (): Promise<void> => {
    await row.click({ button: 'right', timeout: MENU_MS })
    await item.waitFor({ timeout: MENU_MS })
    // The menu takes a press that comes while it opens for one outside of it.
    await page.waitForTimeout(300)
    await item.click({ timeout: MENU_MS })
  }
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const failure = await choose().then(
      () => undefined,
      (error: Error) => error,
    )
    if (!failure) return
    if (Date.now() > until) throw failure
    await page.keyboard.press('Escape')
  }
}

/** A run in the Runs view. */
export async function rowOf(page: Page, name: string): Promise<Locator> {
  await runCommand(page, 'Sinter: Show Runs')
  const row = page.locator('.pane-body .monaco-list-row', { hasText: name }).first()
  await row.waitFor({ timeout: PATIENCE_MS })
  return row
}

/**
 * One of the buttons that a row has under the pointer, until it has done something: a row that is drawn anew meanwhile takes no click.
 * @param has whether it has
 */
export async function act(row: Locator, label: string, has: () => boolean | Promise<boolean>): Promise<void> {
  const button = row.locator(`.action-label[aria-label="${label}"]`)
  const until = Date.now() + PATIENCE_MS
  while (Date.now() < until) {
    await row.hover({ timeout: PATIENCE_MS })
    await button.click({ timeout: 5000 }).catch(() => {})
    for (let tries = 0; tries < 80; tries++) {
      if (await has()) return
      await wait(100)
    }
  }
  throw new Error(`${label} does nothing within ${PATIENCE_MS / 1000} s`)
}
