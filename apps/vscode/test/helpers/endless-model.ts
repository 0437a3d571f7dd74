import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A copy of a model that knows no end of a text: it writes as long as it may. */
export function makeEndless(model: string, folder: string): string {
  cpSync(model, folder, { recursive: true })
  rmSync(join(folder, 'generation_config.json'), { force: true })
  const file = join(folder, 'config.json')
  const { eos_token_id: _, ...config } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, JSON.stringify(config))
  return folder
}
