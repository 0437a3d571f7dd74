import { execFile } from 'node:child_process'

/** A program that may run the engine. */
export interface NodeCandidate {
  readonly path: string
  /** It is an Electron, VS Code's own: it is Node when it is told so. */
  readonly electron?: boolean | undefined
}

export interface FoundNode {
  readonly path: string
  readonly version: string
  /** What its processes need in their environment. */
  readonly env: Readonly<Record<string, string>>
}

/** What the packages are made for. */
export const LEAST_NODE: readonly [major: number, minor: number] = [20, 19]

/** A path that is no Node, or a wrapper that waits for something. */
const ASK_MS = 10_000

/**
 * The first candidate that runs and is new enough.
 * @throws Error that says what was wrong with each of them
 */
export async function findNode(candidates: readonly NodeCandidate[]): Promise<FoundNode> {
  const reasons: string[] = []
  for (const candidate of candidates) {
    const env: Record<string, string> = candidate.electron ? { ELECTRON_RUN_AS_NODE: '1', ELECTRON_NO_ASAR: '1' } : {}
    const version = await versionOf(candidate.path, env)
    if (typeof version !== 'string') reasons.push(`${candidate.path}: ${version.reason}`)
    else if (isNewEnough(version)) return { path: candidate.path, version, env }
    else reasons.push(`${candidate.path}: version ${version}`)
  }
  throw new Error(
    `expected Node ${LEAST_NODE.join('.')} or newer to run the engine, found none; ${reasons.join('; ') || 'there was no candidate'}`,
  )
}

function versionOf(path: string, env: Readonly<Record<string, string>>): Promise<string | { readonly reason: string }> {
  const options = { env: { ...process.env, ...env }, timeout: ASK_MS, windowsHide: true, maxBuffer: 2 ** 16 }
  return new Promise(resolve => {
    execFile(path, ['-p', 'process.versions.node'], options, (error, stdout) => {
      const version = stdout.trim()
      if (error) resolve({ reason: error.code === 'ENOENT' ? 'no such program' : 'does not run' })
      else if (/^\d+\.\d+\.\d+$/.test(version)) resolve(version)
      else resolve({ reason: 'is no Node' })
    })
  })
}

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])
}
