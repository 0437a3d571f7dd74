import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Manifest {
  readonly name: string
  readonly [key: string]: unknown
}

/**
 * Puts an extension into a host as installing it would: the server forgets those that its list does not know.
 * @param folder of the host, before its server starts
 * @returns the extension's folder
 */
export function addExtension(folder: string, manifest: Manifest, files: Readonly<Record<string, string>>): string {
  const name = `sinter.${manifest.name}-1.0.0`
  const path = join(folder, 'ext', name)
  mkdirSync(path, { recursive: true })
  const whole = { publisher: 'sinter', version: '1.0.0', engines: { vscode: '^1.104.0' }, ...manifest }
  writeFileSync(join(path, 'package.json'), JSON.stringify(whole))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)

  const list = join(folder, 'ext/extensions.json')
  const known = (existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : []) as unknown[]
  const identifier = { id: `sinter.${manifest.name}` }
  const location = { $mid: 1, path, scheme: 'file' }
  known.push({ identifier, version: '1.0.0', location, relativeLocation: name, metadata: {} })
  writeFileSync(list, JSON.stringify(known))
  return path
}
