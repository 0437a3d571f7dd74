import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Session } from '../session.ts'
import { editorLines, happens, openWorkbench, PATIENCE_MS, screenshot } from '../workbench.ts'
import { act, chooseOfRun, rowOf } from './run-menu.ts'
import { startRun } from './start-run.ts'

export interface QueuedRuns {
  readonly statusBar: string
  /** The text of the first one's recipe, opened again. */
  readonly again: string
}

/**
 * A run is started while another is at work; it waits, also after the window was loaded again, until that one has ended. A third is
 * stopped while it waits. Meanwhile the recipe of the first is opened to be changed.
 */
export async function queueRuns(
  { page, host, workspace, inThemes }: Session,
  [first, second, third]: readonly [string, string, string],
): Promise<QueuedRuns> {
  const block = `${first}.sinter-run/block-0000.safetensors`
  const shows = async (name: string, text: string): Promise<void> =>
    (await rowOf(page, name)).filter({ hasText: text }).waitFor({ timeout: PATIENCE_MS })

  host.observed.hold(block)
  await startRun(page, `${first}.sinter.jsonc`)
  await happens('the first block', () => existsSync(join(workspace, block)))
  for (const name of [second, third]) {
    await startRun(page, `${name}.sinter.jsonc`)
    await shows(name, 'waiting')
  }
  await inThemes('runs-that-wait')
  const item = page.locator('.statusbar-item', { hasText: '2 waiting' })
  const statusBar = (await item.textContent({ timeout: PATIENCE_MS })) ?? ''

  await openWorkbench(page, host.url(workspace))
  await shows(second, 'waiting')
  const last = await rowOf(page, third)
  await act(last, 'Stop Run', () => last.filter({ hasText: 'stopped' }).isVisible())
  await shows(third, 'stopped')
  await shows(second, 'waiting')

  await chooseOfRun(page, first, 'Re-run With Changes')
  await page.locator('.tab.active', { hasText: `${first}-2.sinter.jsonc` }).waitFor({ timeout: PATIENCE_MS })
  await page.locator('.codelens-decoration a', { hasText: 'Run' }).waitFor({ timeout: PATIENCE_MS })
  const again = (await editorLines(page).allTextContents()).join('\n').replaceAll('\u00a0', ' ')
  await screenshot(page, 'run-again')

  host.observed.hold(undefined)
  for (const name of [first, second]) await shows(name, 'bits a weight')
  return { statusBar, again }
}
