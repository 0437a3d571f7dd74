import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { app, root } from './entries.ts'
import { copyNatives } from './natives.ts'
import { machineOf, WEB } from './targets.ts'

/** What every package has beside the program. */
const shared = ['README.md', 'CHANGELOG.md', '.vscodeignore', 'l10n', 'media', 'walkthrough']
/** Parts of dist/ that only the other kind of host can run, or nobody. */
const onlyOnTheWeb = ['web', 'extension.web.cjs']
const onTheWeb = [...onlyOnTheWeb, 'webviews', 'schema']
const never = ['node_modules', 'meta']

/**
 * Lays out what a target's package has: its own program, its own native library, and a manifest that names nothing else.
 * @param dist what the build made
 * @param into an empty folder
 */
export function stage(target: string, into: string, dist: string = join(app, 'dist')): void {
  const web = target === WEB
  const machine = web ? undefined : machineOf(target)
  const translations = readdirSync(app).filter(name => /^package\.nls.*\.json$/.test(name))
  for (const name of [...shared, ...translations]) cpSync(join(app, name), join(into, name), { recursive: true })
  cpSync(join(root, 'LICENSE'), join(into, 'LICENSE'))
  mkdirSync(join(into, 'dist'))
  for (const name of readdirSync(dist).filter(web ? isOnTheWeb : isOnMachines))
    cpSync(join(dist, name), join(into, 'dist', name), { recursive: true })
  if (machine) copyNatives(join(into, 'dist/node_modules'), machine)
  writeFileSync(join(into, 'package.json'), `${JSON.stringify(manifestFor(web), null, 2)}\n`)
}

const isOnTheWeb = (name: string): boolean => onTheWeb.includes(name)
const isOnMachines = (name: string): boolean => ![...never, ...onlyOnTheWeb].includes(name) && !name.endsWith('.vsix')

/** The manifest with the one entry that the package has. The desktop's kind of host would keep a browser's from being started. */
function manifestFor(web: boolean): object {
  const { main, browser, extensionKind, ...manifest } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as {
    readonly main: string
    readonly browser: string
    readonly extensionKind: readonly string[]
  }
  return { ...manifest, ...(web ? { browser } : { main, extensionKind }) }
}
