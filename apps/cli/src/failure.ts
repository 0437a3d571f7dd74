import { paint } from './terminal/style.ts'

/** What the process ends with. Scripts rely on these numbers: docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  input: 3,
  output: 4,
  differs: 5,
  missing: 6,
  interrupted: 130,
} as const

/** A command line that makes no sense: what was expected, what came, what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Stopped by the user. The message says how to go on. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** Prints an error to people and says what to exit with. The stack is shown to those who ask for it. */
export async function report(error: unknown): Promise<number> {
  const code = await codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const { bold, red, yellow, dim } = paint(process.stderr)
  const title = code === exitCodes.interrupted ? yellow('interrupted') : red('error')
  process.stderr.write(`${bold(title)}: ${message || 'no message'}\n`)
  const stack = error instanceof Error ? error.stack : undefined
  if (process.env.SINTER_DEBUG && stack) process.stderr.write(`${dim(stack)}\n`)
  else if (code === exitCodes.unexpected)
    process.stderr.write(`${dim('This was not foreseen. SINTER_DEBUG=1 shows where it happened.')}\n`)
  return code
}

async function codeOf(error: unknown): Promise<number> {
  if (error instanceof UsageError) return exitCodes.usage
  if (error instanceof Interrupted) return exitCodes.interrupted
  const { exitCodeOf } = await import('@sinter/engine')
  return exitCodeOf(error)
}
