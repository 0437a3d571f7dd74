import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What a Python package made of a folder. */
export interface Answer {
  readonly folder: string
  /** Package and version. */
  readonly client: string
  /** Whether the logits are of the client's own pass; otherwise of transformers, with the matrices that the client gave. */
  readonly computes: boolean
  readonly weights: Readonly<Record<string, { readonly dtype: string; readonly sha256: string }>>
  /** `[tokens, vocabulary]` */
  readonly logits: Float32Array
}

/** The Python with the packages of requirements.txt, if there is one: `SINTER_PYTHON`. */
export function pythonHere(): string | undefined {
  const path = process.env.SINTER_PYTHON
  return path && existsSync(path) ? path : undefined
}

/** One process for all folders: to import the packages takes longer than to open one. An answer is rejected with the client's error. */
export async function askPython(
  python: string,
  ids: readonly number[],
  folders: readonly string[],
): Promise<PromiseSettledResult<Answer>[]> {
  const script = fileURLToPath(new URL('./clients.py', import.meta.url))
  const { stdout } = await promisify(execFile)(python, [script, ids.join(','), ...folders], { maxBuffer: 2 ** 28 })
  const lines = stdout.split('\n').filter(line => line.startsWith('RESULT '))
  return Promise.allSettled(lines.map(line => answerOf(JSON.parse(line.slice('RESULT '.length)))))
}

/**
 * Has a model compressed by the packages themselves.
 * @returns folders, and for those that a package could not make, its error
 */
export async function writeTheirs(
  python: string,
  model: string,
  out: string,
): Promise<{ readonly made: readonly string[]; readonly failed: readonly string[] }> {
  const script = fileURLToPath(new URL('./write_folders.py', import.meta.url))
  const { stdout } = await promisify(execFile)(python, [script, model, out], { cwd: out, maxBuffer: 2 ** 28 })
  const lines = (word: string) =>
    stdout.split('\n').flatMap(line => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
  return { made: lines('MADE').map(name => join(out, name)), failed: lines('FAILED') }
}

type Report =
  | (Omit<Answer, 'logits'> & { readonly logits: string })
  | { readonly folder: string; readonly error: string }

async function answerOf(report: Report): Promise<Answer> {
  if ('error' in report) throw new Error(`${report.folder}: ${report.error}`)
  const bytes = await readFile(report.logits)
  return { ...report, logits: new Float32Array(Uint8Array.from(bytes).buffer) }
}
