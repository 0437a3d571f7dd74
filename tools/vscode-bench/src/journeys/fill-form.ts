import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Page } from 'playwright-core'
import type { Session } from '../session.ts'
import { editorLines, happens, openFile, PATIENCE_MS, pick, runCommand, webviewWith } from '../workbench.ts'

export interface FilledForm {
  /** The recipe's file once it was saved. */
  readonly saved: string
  /** What was said beside a field. */
  readonly mark: string
  /** Lines of the text editor beside the form, before it was saved. */
  readonly beside: string
  readonly plan: string
}

/** A recipe as a form: a field and a step are changed, the text beside it follows, an undo there is followed, it is saved and planned. */
export async function fillForm(session: Session, recipe: string): Promise<FilledForm> {
  const { page, workspace, inThemes } = session
  const view = await openForm(page, recipe)
  const card = view.getByRole('listitem', { name: /^1\. / })
  await card.getByLabel('bits', { exact: true }).fill('3')
  await card.getByLabel('groupSize', { exact: true }).fill('96')
  await page.keyboard.press('Tab')
  const marked = card.locator('.marks > li', { hasText: '96' }).first()
  await marked.waitFor({ timeout: PATIENCE_MS })
  const mark = (await marked.textContent()) ?? ''
  await inThemes('form')

  await view.getByRole('button', { name: 'Edit as Text', exact: true }).click({ timeout: PATIENCE_MS })
  const lines = editorLines(page)
  await lines.filter({ hasText: '96' }).waitFor({ timeout: PATIENCE_MS })
  const beside = (await lines.allTextContents()).map(plain).join('\n')
  await lines.filter({ hasText: '96' }).click()
  await page.keyboard.press('Control+Z')
  await lines.filter({ hasText: '96' }).waitFor({ state: 'detached', timeout: PATIENCE_MS })
  await marked.waitFor({ state: 'detached', timeout: PATIENCE_MS })
  await happens(
    'the form follows the text',
    async () => (await card.getByLabel('groupSize', { exact: true }).inputValue()) === '64',
  )
  await inThemes('form-beside-text')

  await page.keyboard.press('Control+S')
  const saved = (): string => readFileSync(join(workspace, recipe), 'utf8')
  await happens('the recipe is saved', () => /"bits": 3/.test(saved()))
  await view.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.locator('.tab', { hasText: '.plan.txt' }).first().waitFor({ timeout: PATIENCE_MS })
  const planned = lines.filter({ hasText: 'mlp.down_proj' }).first()
  await planned.waitFor({ timeout: PATIENCE_MS })
  return { saved: saved(), mark, beside, plan: plain((await planned.textContent()) ?? '') }
}

/** The same of a recipe that *Compress…* has begun and nobody has saved. @returns the text beside the form */
export async function fillUnsaved({ page }: Session): Promise<string> {
  await runCommand(page, 'Sinter: Compress…')
  await pick(page, 'demo-model/model.safetensors')
  await pick(page, 'fast')
  await page.locator('.codelens-decoration a', { hasText: 'Estimate' }).first().waitFor({ timeout: PATIENCE_MS })
  await runCommand(page, 'Sinter: Open Recipe as Form')
  const view = await webviewWith(page, '.cards > li')
  await view.getByLabel('seed', { exact: true }).fill('17')
  await page.keyboard.press('Tab')
  await view.getByRole('button', { name: 'Edit as Text', exact: true }).click({ timeout: PATIENCE_MS })
  const lines = editorLines(page)
  await lines.filter({ hasText: '"seed"' }).waitFor({ timeout: PATIENCE_MS })
  return (await lines.allTextContents()).map(plain).join('\n')
}

export async function openForm(page: Page, recipe: string): Promise<Frame> {
  await openFile(page, recipe)
  await page.locator('.codelens-decoration a', { hasText: 'Estimate' }).waitFor({ timeout: PATIENCE_MS })
  await runCommand(page, 'Sinter: Open Recipe as Form')
  return webviewWith(page, '.cards > li')
}

/** The editor draws spaces as ones that do not break. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')
