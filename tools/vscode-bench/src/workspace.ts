import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench } from './install.ts'

const demoModel = join(bench, '../../apps/cli/assets/demo-model')

/** A folder with the demo model and the texts given; the caller removes it. */
export function makeWorkspace(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-workspace-'))
  cpSync(demoModel, join(folder, 'demo-model'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}
