import { exitCodes, Interrupted } from './failure.ts'

/**
 * Runs a job that can be stopped. The first Ctrl-C (or SIGTERM) lets it end in order; the second ends at once.
 * @param advice how to go on, said when it was stopped
 * @throws Interrupted
 */
export async function interruptible<T>(job: (signal: AbortSignal) => Promise<T>, advice: () => string): Promise<T> {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted)
    process.stderr.write('\nStopping; once more to leave at once.\n')
    controller.abort()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  try {
    return await job(controller.signal)
  } catch (error) {
    if (controller.signal.aborted) throw new Interrupted(advice(), { cause: error })
    throw error
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}
