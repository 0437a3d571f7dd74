import type { Locator, Page } from 'playwright-core'
import { PATIENCE_MS, runCommand } from '../workbench.ts'

/** An entry of the menu that a run has in the Runs view. */
export async function chooseOfRun(page: Page, name: string, entry: string): Promise<void> {
  const row = await rowOf(page, name)
  await row.click({ button: 'right', timeout: PATIENCE_MS })
  const item = page.locator('.monaco-menu .action-item', { hasText: entry }).first()
  await item.waitFor({ timeout: PATIENCE_MS })
  // The menu takes a press that comes while it opens for one outside of it.
  await page.waitForTimeout(300)
  await item.click({ timeout: PATIENCE_MS })
}

/** A run in the Runs view. */
export async function rowOf(page: Page, name: string): Promise<Locator> {
  await runCommand(page, 'Sinter: Show Runs')
  const row = page.locator('.pane-body .monaco-list-row', { hasText: name }).first()
  await row.waitFor({ timeout: PATIENCE_MS })
  return row
}

/** One of the buttons that a row has under the pointer. */
export async function act(row: Locator, label: string): Promise<void> {
  await row.hover({ timeout: PATIENCE_MS })
  await row.locator(`.action-label[aria-label="${label}"]`).click({ timeout: PATIENCE_MS })
}
