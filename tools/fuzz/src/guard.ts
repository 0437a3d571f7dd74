import { Worker } from 'node:worker_threads'
import { type FuzzReport, joinReports } from './fuzz.ts'

/** A case that is at work this long will not end; a busy machine alone never makes it so long. */
const HUNG_MILLISECONDS = 20_000
const LOOK_MILLISECONDS = 500
/** Cases of one errand of the worker: what is lost when it dies. */
const ERRAND = 20_000
/** A reader that fills it took far more than it may: V8 ends the thread, and the case is known. */
const HEAP_MIB = 512

/** While the thread loads its sources, which a busy machine may be long at. */
const NOT_BEGUN = -1

export interface GuardOptions {
  /** Module that exports `makeTargets()`. */
  readonly targets: string
  readonly only?: readonly string[] | undefined
  readonly first: number
  readonly count: number
  readonly onProgress?: (done: number) => void
  readonly hungMilliseconds?: number
}

/** What a worker is given, and where it says which case it is at. */
export interface Errand {
  readonly targets: string
  readonly only?: readonly string[] | undefined
  readonly first: number
  readonly count: number
  /** Float64: the case. */
  readonly at: SharedArrayBuffer
}

/** Runs cases in a thread that may hang or die; the case is reported, and the ones after it are run by another thread. */
export async function guardedFuzz(options: GuardOptions): Promise<FuzzReport> {
  const { first, count, onProgress } = options
  const reports: FuzzReport[] = []
  for (let next = first; next < first + count; ) {
    const errand = Math.min(ERRAND, first + count - next)
    const { report, lost } = await runErrand(options, next, errand)
    reports.push(report)
    // What the lost thread had found before is gone with it: that part is run again.
    if (lost !== undefined && lost > next) reports.push((await runErrand(options, next, lost - next)).report)
    next = lost === undefined ? next + errand : lost + 1
    onProgress?.(next - first)
  }
  return joinReports(reports)
}

function runErrand(
  { targets, only, hungMilliseconds = HUNG_MILLISECONDS }: GuardOptions,
  first: number,
  count: number,
): Promise<{ readonly report: FuzzReport; readonly lost?: number }> {
  const at = new SharedArrayBuffer(8)
  const place = new Float64Array(at)
  place[0] = NOT_BEGUN
  const workerData: Errand = { targets, only, first, count, at }
  const worker = new Worker(new URL('fuzz-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  })
  return new Promise((resolve, reject) => {
    let seen = NOT_BEGUN
    let since = performance.now()
    const finish = (report: FuzzReport, lost?: number): void => {
      clearInterval(timer)
      void worker.terminate()
      resolve({ report, ...(lost !== undefined && { lost }) })
    }
    const lost = (what: string): void => {
      if (place[0] !== NOT_BEGUN) finish(failed(`case ${place[0]}: ${what}`), place[0])
      else {
        clearInterval(timer)
        reject(new Error(`the thread ended before its first case: ${what}`))
      }
    }
    const timer = setInterval(() => {
      if (place[0] !== seen) [seen, since] = [place[0]!, performance.now()]
      else if (seen !== NOT_BEGUN && performance.now() - since > hungMilliseconds)
        lost(`does not end in ${hungMilliseconds / 1000} s`)
    }, LOOK_MILLISECONDS)
    worker.on('message', (report: FuzzReport) => finish(report))
    worker.on('error', error => lost(`ended the thread: ${(error as Error).message}`))
    // After one of the others it changes nothing.
    worker.on('exit', code => lost(`ended the thread with ${code}`))
  })
}

const failed = (failure: string): FuzzReport => ({
  cases: 1,
  outcomes: new Map([['lost with its thread', 1]]),
  failures: [failure],
  largestAllocation: 0,
  slowest: 0,
})
