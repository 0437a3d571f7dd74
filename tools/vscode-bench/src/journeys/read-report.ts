import type { Session } from '../session.ts'
import { PATIENCE_MS, webviewWith } from '../workbench.ts'
import { chooseOfRun } from './run-menu.ts'

/** A run's report: what it says at a glance, and what its chart says of the smallest and the largest run of the model. */
export async function readReport(
  { page, inThemes }: Session,
  run: string,
): Promise<{ summary: string; smallest: string; largest: string; rows: string[] }> {
  await chooseOfRun(page, run, 'Open Report')
  const view = await webviewWith(page, 'svg[role=listbox]')
  const summary = (await view.locator('.facts').nth(1).textContent()) ?? ''
  const said = view.locator('output')
  await view.locator('svg[role=listbox]').focus()
  await page.keyboard.press('Home')
  const smallest = (await said.textContent()) ?? ''
  await page.keyboard.press('End')
  const largest = (await said.textContent()) ?? ''
  const layers = view.locator('summary', { hasText: 'Layers' })
  await layers.click({ timeout: PATIENCE_MS })
  const names = view.locator('details tbody th')
  await names.first().waitFor({ timeout: PATIENCE_MS })
  const rows = await names.allTextContents()
  await layers.click()
  await view.locator('h1').scrollIntoViewIfNeeded()
  await inThemes('report')
  return { summary, smallest, largest, rows }
}
