// Names that the engine takes from Node without importing them.
export { Buffer } from 'buffer'

interface WebProcess {
  readonly pid: number
  readonly version: string
  readonly versions: { readonly node: string }
  readonly platform: string
  readonly env: Record<string, string>
  readonly execArgv: readonly string[]
  readonly execPath: string
  readonly argv: readonly string[]
  readonly memoryUsage: { rss(): number }
  cwd(): string
  kill(pid: number, signal?: string | number): true
}

/** The worker is the one process there is. */
const PID = 1

export const process: WebProcess = {
  pid: PID,
  version: 'web',
  versions: { node: 'web' },
  platform: 'web',
  env: {},
  execArgv: [],
  execPath: '',
  argv: [],
  memoryUsage: { rss: () => 0 },
  cwd: () => '/',
  kill(pid, signal) {
    if (pid !== PID || (signal !== 0 && signal !== undefined))
      throw Object.assign(new Error('there is no such process'), { code: 'ESRCH' })
    return true
  },
}

/** After the messages that have come in. */
export const setImmediate = (work: () => void): void => {
  setTimeout(work)
}
