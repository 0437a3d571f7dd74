import type { Locator, Page } from 'playwright-core'
import { openFile, PATIENCE_MS, runCommand } from '../workbench.ts'

const BEGIN_MS = 20_000

/**
 * *Run* above a recipe. A lens that is drawn anew takes no press, so it is pressed again when no run has come of it for a while.
 * @returns the run's row in the Runs view
 */
export async function startRun(page: Page, recipe: string): Promise<Locator> {
  const name = recipe.replace('.sinter.jsonc', '')
  const row = page.locator('.pane-body .monaco-list-row', { hasText: name }).first()
  for (const until = Date.now() + 2 * PATIENCE_MS; Date.now() < until; ) {
    await openFile(page, recipe)
    // The lens of the recipe that was open before is there a moment longer.
    await page.locator('.tab.active', { hasText: recipe }).waitFor({ timeout: PATIENCE_MS })
    await page.locator('.codelens-decoration a', { hasText: 'Run' }).click({ timeout: PATIENCE_MS })
    await runCommand(page, 'Sinter: Show Runs')
    const begun = await row.waitFor({ timeout: BEGIN_MS }).then(
      () => true,
      () => false,
    )
    if (begun) return row
  }
  throw new Error(`${recipe} was not begun`)
}
