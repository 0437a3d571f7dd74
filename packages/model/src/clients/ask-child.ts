import { execFile } from 'node:child_process'
import { SinterError } from '../errors.ts'

/** What a client's process prints: one line for each question, behind two signs that nobody else's output begins with. */
const MARK = '@@'

/** A runtime that others wrote, asked in a process of its own: it may abort on a file that it does not like. */
export interface ChildClient {
  /** As people call it: `llama.cpp`. */
  readonly name: string
  /** What to do when it is not there. */
  readonly install: (missing: readonly string[]) => string
}

/** Answers are small: the logits go into files. */
const MAX_OUTPUT_BYTES = 2 ** 26

/**
 * Runs a client and gives back what it says, parsed.
 * @throws SinterError `client-missing` when it lacks a package, `client-refused` when it fails or aborts
 */
export async function askChild(
  { name, install }: ChildClient,
  command: string,
  args: readonly string[],
): Promise<readonly unknown[]> {
  const { stdout, stderr, failure } = await execute(command, args)
  const answers = stdout
    .split('\n')
    .filter(line => line.startsWith(MARK))
    .map(line => JSON.parse(line.slice(MARK.length)) as { missing?: readonly string[]; error?: string })
  const missing = answers.find(answer => answer.missing)?.missing
  if (missing)
    throw new SinterError('client-missing', `${name} is not here (${missing.join(', ')}); ${install(missing)}`)
  const error = answers.find(answer => answer.error !== undefined)?.error
  if (error === undefined && failure === undefined) return answers
  throw new SinterError('client-refused', `${name} failed: ${error ?? lastLines(stderr) ?? failure}`)
}

function execute(
  command: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string; failure: string | undefined }> {
  return new Promise(resolve => {
    execFile(command, [...args], { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const signal = error?.signal ? `its process was ended by ${error.signal}` : undefined
      resolve({ stdout, stderr, failure: signal ?? error?.message })
    })
  })
}

/** What was said last is why. */
function lastLines(text: string): string | undefined {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  return lines.length > 0 ? lines.slice(-4).join('\n') : undefined
}
