import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { Session } from '../session.ts'
import { PATIENCE_MS, pick, screenshot } from '../workbench.ts'
import { chooseOfRun } from './run-menu.ts'

const WRITE_MS = 60_000

/** *Export…* on a run into a file of the workspace. @returns what was said before it began, and the file */
export async function exportRun(
  { page, workspace, inThemes }: Session,
  run: string,
  format: string,
  file: string,
): Promise<{ told: string; path: string }> {
  const told = await beginExport(page, run, format)
  await screenshot(page, 'export')
  await answer(page, 'Export')
  await save(page, file)
  const notice = page.locator('.notification-toast', { hasText: `${file} is written` })
  await notice.waitFor({ timeout: WRITE_MS })
  await page.locator('.explorer-folders-view .monaco-list-row', { hasText: file }).waitFor({ timeout: PATIENCE_MS })
  await inThemes('exported')
  return { told, path: join(workspace, file) }
}

/** The same again, and *Cancel* where it asks whether the file may be replaced. */
export async function keepExport(
  { page, workspace }: Session,
  run: string,
  format: string,
  file: string,
): Promise<void> {
  if (!existsSync(join(workspace, file))) throw new Error(`${file} is not there to be kept`)
  await beginExport(page, run, format)
  await answer(page, 'Export')
  await save(page, file)
  // This dialog asks by itself; those of a desktop may not.
  await page.locator('.quick-input-widget:visible', { hasText: 'already exists' }).waitFor({ timeout: PATIENCE_MS })
  await page.keyboard.press('Enter')
  const question = page.locator('.monaco-dialog-box', { hasText: 'exists. Replace it?' })
  await question.waitFor({ timeout: PATIENCE_MS })
  await answer(page, 'Cancel')
}

async function beginExport(page: Page, run: string, format: string): Promise<string> {
  await chooseOfRun(page, run, 'Export…')
  await pick(page, format)
  const dialog = page.locator('.monaco-dialog-box')
  await dialog.waitFor({ timeout: PATIENCE_MS })
  return (await dialog.textContent()) ?? ''
}

async function answer(page: Page, label: string): Promise<void> {
  const dialog = page.locator('.monaco-dialog-box')
  await dialog.getByRole('button', { name: label, exact: true }).click({ timeout: PATIENCE_MS })
}

/** Takes the place that is offered, which appears a moment after the dialog. */
async function save(page: Page, file: string): Promise<void> {
  const input = page.locator('.quick-input-widget:visible input[type=text]')
  const until = Date.now() + PATIENCE_MS
  while (!(await input.inputValue({ timeout: PATIENCE_MS })).endsWith(`/${file}`)) {
    if (Date.now() > until) throw new Error(`the dialog offers ${await input.inputValue()} and not ${file}`)
    await page.waitForTimeout(100)
  }
  await page.keyboard.press('Enter')
}
