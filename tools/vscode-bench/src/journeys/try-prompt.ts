import type { Session } from '../session.ts'
import { PATIENCE_MS, webviewWith } from '../workbench.ts'
import { chooseOfRun } from './run-menu.ts'

const WRITE_MS = 60_000

/** *Try It* on a run: what the original and the result make of a prompt, and what is said of the two. */
export async function tryPrompt(
  { page, inThemes }: Session,
  run: string,
  prompt: string,
): Promise<{ original: string; compressed: string; verdict: string }> {
  await chooseOfRun(page, run, 'Try It')
  const view = await webviewWith(page, 'textarea')
  await view.getByLabel('Prompt').fill(prompt)
  await view.getByLabel('Prompt').press('Control+Enter')
  const verdict = view.locator('main > [role=status]', { hasText: /equal/ })
  await verdict.waitFor({ timeout: WRITE_MS })
  const written = view.locator('.written')
  await written.last().waitFor({ timeout: PATIENCE_MS })
  const [original, compressed] = (await written.allTextContents()) as [string, string]
  await inThemes('try-it')
  return { original, compressed, verdict: (await verdict.textContent()) ?? '' }
}
