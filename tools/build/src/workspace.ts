import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../../..', import.meta.url))

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export interface WorkspacePackage {
  /** Relative to the root: `packages/model`. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Every package of the workspace, by the folders of pnpm-workspace.yaml. */
export function workspacePackages(): WorkspacePackage[] {
  return ['packages', 'apps', 'tools', 'examples'].flatMap(parent =>
    readdirSync(join(root, parent), { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(({ name }) => readPackage(`${parent}/${name}`))
      .filter(found => found !== undefined),
  )
}

function readPackage(folder: string): WorkspacePackage | undefined {
  try {
    return { folder, manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Those that are published, each after the ones it depends on. @throws Error for a cycle */
export function publishedInOrder(packages: readonly WorkspacePackage[] = workspacePackages()): WorkspacePackage[] {
  const published = packages.filter(({ manifest }) => !manifest.private)
  const ordered: WorkspacePackage[] = []
  const visit = (found: WorkspacePackage, path: readonly string[]) => {
    const { name, dependencies = {} } = found.manifest
    if (path.includes(name))
      throw new Error(`packages depend on each other in a circle: ${[...path, name].join(' → ')}`)
    if (ordered.includes(found)) return
    for (const other of published) if (other.manifest.name in dependencies) visit(other, [...path, name])
    ordered.push(found)
  }
  for (const found of published) visit(found, [])
  return ordered
}
