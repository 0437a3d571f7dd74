/**
 * Flags for a worker thread: those of its process (export conditions, loaders), but for the one that speaks of code given by `--eval`
 * and those that size the heap: they are the whole process's, and a worker that is given one does not start.
 */
export const inheritedFlags = (): string[] => process.execArgv.filter(flag => !/^--(input-type|max-.*-size)/.test(flag))
