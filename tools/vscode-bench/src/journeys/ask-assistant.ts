import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Session } from '../session.ts'
import { happens, PATIENCE_MS, runCommand, screenshot } from '../workbench.ts'

/** An assistant that wants to compress a model: the question, a no, and a yes. @returns what was asked */
export async function askAssistant({ page, workspace }: Session): Promise<{ question: string; refused: string }> {
  const out = join(workspace, 'by-assistant')
  const ask = async (): Promise<string> => {
    await runCommand(page, 'Companion: Compress the Demo Model')
    const dialog = page.locator('.monaco-dialog-box')
    await dialog.waitFor({ timeout: PATIENCE_MS })
    return (await dialog.textContent()) ?? ''
  }
  const question = await ask()
  await screenshot(page, 'assistant-asks')
  const toast = page.locator('.notification-toast', { hasText: 'was not allowed' })
  await page.locator('.monaco-dialog-box').getByRole('button', { name: 'Cancel' }).click({ timeout: PATIENCE_MS })
  await toast.waitFor({ timeout: PATIENCE_MS })
  const refused = (await toast.textContent()) ?? ''
  if (existsSync(join(workspace, '.sinter'))) throw new Error('a run was begun that nobody had allowed')

  await ask()
  await page.locator('.monaco-dialog-box').getByRole('button', { name: 'Yes' }).click({ timeout: PATIENCE_MS })
  await happens('the run of the assistant', () => existsSync(join(out, 'model.safetensors')))
  return { question, refused }
}
