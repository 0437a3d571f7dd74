import type { Page } from 'playwright-core'
import type { Session } from '../session.ts'
import { editorLines, PATIENCE_MS, pick, runCommand } from '../workbench.ts'

/** *Compress…* to a recipe with a mistake in it, its repair by the light bulb, and its plan. */
export async function writeRecipe({
  page,
  inThemes,
}: Session): Promise<{ recipe: string; message: string; plan: string }> {
  await runCommand(page, 'Sinter: Compress…')
  await pick(page, 'demo-model/model.safetensors')
  await pick(page, 'fast')
  await page.locator('.tab', { hasText: 'model-fast.sinter.jsonc' }).first().waitFor({ timeout: PATIENCE_MS })
  await page.locator('.codelens-decoration a', { hasText: 'Estimate' }).waitFor({ timeout: PATIENCE_MS })
  await replaceWord(page, 'bits', 'bist')
  await page.locator('.squiggly-error').first().waitFor({ timeout: PATIENCE_MS })
  const message = await problemAtCursor(page)
  await inThemes('recipe-wrong-key')

  await page.keyboard.press('Control+.')
  await page.locator('.action-widget .monaco-list-row', { hasText: 'Change to "bits"' }).click({ timeout: PATIENCE_MS })
  await page.locator('.squiggly-error').first().waitFor({ state: 'detached', timeout: PATIENCE_MS })
  const recipe = await textOf(page)
  await inThemes('recipe-repaired')

  await page.locator('.codelens-decoration a', { hasText: 'Plan' }).click({ timeout: PATIENCE_MS })
  await page.locator('.tab', { hasText: '.plan.txt' }).first().waitFor({ timeout: PATIENCE_MS })
  const lines = page.locator('.editor-instance .view-line', { hasText: 'mlp.down_proj' })
  await lines.first().waitFor({ timeout: PATIENCE_MS })
  const plan = (await lines.first().textContent()) ?? ''
  await inThemes('plan')
  return { recipe, message, plan: plain(plan) }
}

/** Selects a word where it is drawn first, and types another. */
async function replaceWord(page: Page, word: string, other: string): Promise<void> {
  await page
    .locator('.view-line span', { hasText: new RegExp(`^"${word}"$`) })
    .last()
    .dblclick({ timeout: PATIENCE_MS })
  await page.keyboard.type(other)
}

/** The first problem under the cursor, as the editor tells it. */
async function problemAtCursor(page: Page): Promise<string> {
  await page.keyboard.press('F8')
  const found = page.locator('.marker-widget .message', { hasText: 'did you mean' })
  await found.waitFor({ timeout: PATIENCE_MS })
  const text = plain((await found.textContent()) ?? '')
  // The list of completions may be in front of it, and is closed first.
  for (let tries = 0; tries < 20 && (await found.isVisible()); tries++) {
    await page.keyboard.press('Escape')
    await page.waitForTimeout(200)
  }
  await found.waitFor({ state: 'hidden', timeout: 1000 })
  return text
}

const textOf = async (page: Page): Promise<string> => (await editorLines(page).allTextContents()).map(plain).join('\n')

/** The editor draws spaces as ones that do not break. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')
