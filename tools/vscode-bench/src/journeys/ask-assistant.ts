import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
  // Of a run that still writes, the folder could not be removed.
  await happens('the end of the run', () => existsSync(join(out, 'model.safetensors')) && ended(workspace))
  return { question, refused }
}

function ended(workspace: string): boolean {
  const runs = join(workspace, '.sinter/runs')
  const names = readdirSync(runs).filter(name => /^\d{8}-/.test(name))
  const statuses = names.map(id => readFileSync(join(runs, id, 'status.json'), 'utf8'))
  return statuses.every(text => (JSON.parse(text) as { state: string }).state === 'done')
}
