import type { Page } from 'playwright-core'
import { PATIENCE_MS, runCommand } from '../workbench.ts'

/** An entry of the menu that a run has in the Runs view. */
export async function chooseOfRun(page: Page, name: string, entry: string): Promise<void> {
  await runCommand(page, 'Sinter: Show Runs')
  const row = page.locator('.pane-body .monaco-list-row', { hasText: name }).first()
  await row.click({ button: 'right', timeout: PATIENCE_MS })
  const item = page.locator('.monaco-menu .action-item', { hasText: entry }).first()
  await item.waitFor({ timeout: PATIENCE_MS })
  // The menu takes a press that comes while it opens for one outside of it.
  await page.waitForTimeout(300)
  await item.click({ timeout: PATIENCE_MS })
}
