import type { Session } from '../session.ts'
import { PATIENCE_MS, webviewWith } from '../workbench.ts'
import { chooseOfRun } from './run-menu.ts'

/** The original against the result of a run. @returns rows of the measured table, those with the largest error first */
export async function compareRun({ page, inThemes }: Session, run: string): Promise<string[]> {
  await chooseOfRun(page, run, 'Compare Result With Original')
  const view = await webviewWith(page, '.comparing')
  await view.getByLabel('Worst first').check({ timeout: PATIENCE_MS })
  await view.getByRole('button', { name: /^Measure/ }).click()
  await view.getByText(/^(\d+) of \1 tensors measured$/).waitFor({ timeout: PATIENCE_MS })
  const rows = await view.locator('.space .row:not([hidden])').allTextContents()
  await inThemes('compare')
  return rows
}
