import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Session } from '../session.ts'
import { startRun } from './start-run.ts'

const RUN_MS = 120_000

/** *Run* above a recipe, watched in the Runs view until it has ended. @returns the result's weights, a path */
export async function runRecipe({ page, workspace, inThemes }: Session, recipe: string): Promise<string> {
  const name = recipe.replace('.sinter.jsonc', '')
  const row = await startRun(page, recipe)
  await row.filter({ hasText: /bits a weight|failed/ }).waitFor({ timeout: RUN_MS })
  if (/failed/.test((await row.textContent()) ?? ''))
    throw new Error(`the run failed: ${(await page.locator('.notification-toast').allTextContents()).join('; ')}`)
  await inThemes('runs')
  const weights = join(workspace, name, 'model.safetensors')
  if (!existsSync(weights)) throw new Error(`the run is done, and there is no ${weights}`)
  return weights
}
