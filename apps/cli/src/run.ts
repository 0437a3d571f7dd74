import { CommanderError } from 'commander'
import { exitCodes, report } from './failure.ts'
import { createProgram } from './program.ts'

/**
 * Runs one command line, without `node` and the script's name.
 * @returns the exit code, see docs/cli.md
 */
export async function run(args: readonly string[]): Promise<number> {
  quietClosedPipes()
  try {
    await createProgram().parseAsync([...args], { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    return report(error)
  }
}

/** `sinter methods | head` closes the pipe early; that is no failure. */
function quietClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit(exitCodes.ok)
    })
}
