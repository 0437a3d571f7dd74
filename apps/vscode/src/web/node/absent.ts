// Processes and threads of Node: a browser has none. What may be reached without them has a file of its own for the web.
const absent = (what: string) => (): never => {
  throw new Error(`${what} is not there in the web extension`)
}

export const fork: () => never = absent('child_process.fork')
export const spawn: () => never = absent('child_process.spawn')
export const execFile: () => never = absent('child_process.execFile')
export const once: () => never = absent('events.once')
/** With one thread nobody starts one. */
export class Worker {
  constructor() {
    absent('a worker thread')()
  }
}
export const parentPort = null
export const workerData: undefined = undefined

/** A page cannot ask for a collection. */
export const setFlagsFromString = (): void => {}
export const runInNewContext = () => (): void => {}
