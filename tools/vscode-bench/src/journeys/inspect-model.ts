import type { Session } from '../session.ts'
import { closeEditors, openFile, PATIENCE_MS, webviewWith } from '../workbench.ts'

/** A click on a model's file, and what its editor shows. */
export async function inspectModel(
  { page, inThemes }: Session,
  file = 'model.safetensors',
): Promise<{ names: string[]; details: string }> {
  await closeEditors(page)
  await openFile(page, file)
  const view = await webviewWith(page, '[role=treeitem]')
  const rows = view.locator('[role=treeitem]')
  await rows.first().waitFor({ timeout: PATIENCE_MS })
  const names = await rows.allTextContents()
  const details = (await view.locator('#view').textContent()) ?? ''
  await rows.filter({ hasText: /embed_tokens|token_embd/ }).click()
  // Histogram and profiles are drawn when the values have been read.
  await view.locator('canvas').first().waitFor({ timeout: PATIENCE_MS })
  await inThemes(file)
  return { names, details }
}
