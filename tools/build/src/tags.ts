import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { workspacePackages } from './workspace.ts'

interface TurboConfig {
  readonly tags?: readonly string[]
  readonly boundaries?: { readonly tags?: Readonly<Record<string, unknown>> }
}

/** Packages and apps that no rule of the root's turbo.json speaks of: turbo passes over them in silence. */
export function untagged(root: string): string[] {
  const known = Object.keys(readConfig(join(root, 'turbo.json')).boundaries?.tags ?? {})
  return workspacePackages()
    .map(({ folder }) => folder)
    .filter(folder => /^(packages|apps)\//.test(folder))
    .filter(folder => !readConfig(join(root, folder, 'turbo.json')).tags?.some(tag => known.includes(tag)))
}

function readConfig(path: string): TurboConfig {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TurboConfig
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
