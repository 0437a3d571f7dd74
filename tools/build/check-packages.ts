// What users would get: packs every published package, holds the tarballs to publint and are-the-types-wrong, installs them
// into an empty folder and runs them under the system's own Node. `pnpm check:packages`
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkTarball } from './src/check-tarball.ts'
import { execute } from './src/execute.ts'
import { smoke } from './src/smoke.ts'
import { publishedInOrder, root, type WorkspacePackage } from './src/workspace.ts'

function pack({ folder }: WorkspacePackage, into: string): string {
  const output = execute('pnpm', ['pack', '--json', '--pack-destination', into], { cwd: join(root, folder) })
  return (JSON.parse(output) as { filename: string }).filename
}

const folder = mkdtempSync(join(tmpdir(), 'sinter-packages-'))
try {
  const tarballs = new Map<string, string>()
  const problems: string[] = []
  for (const found of publishedInOrder()) {
    const tarball = pack(found, folder)
    tarballs.set(found.manifest.name, tarball)
    const wrong = await checkTarball(tarball, found.manifest)
    console.log(`${found.manifest.name}: ${wrong.length === 0 ? 'ok' : `${wrong.length} problems`}`)
    problems.push(...wrong)
  }
  problems.push(...smoke(tarballs, join(folder, 'project')))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
