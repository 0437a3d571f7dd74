import { loadKernel } from './load-kernel.ts'

/**
 * Names a function that a worker thread can load: the module's URL and the export. The export is called as
 * `fn(args, start, end)` for the rows it must do. Buffers shared in `args` bring results back in bulk.
 */
export interface KernelRef {
  readonly module: string
  readonly name: string
}

/**
 * Names an export of a file beside the one at `base` (its `import.meta.url`): `kernelRef(import.meta.url, './round', 'roundRows')`.
 * Sources end in .ts, published files in .js; a file knows from its own name which it is.
 */
export function kernelRef(base: string, path: string, name: string): KernelRef {
  return { module: new URL(`${path}${base.endsWith('.ts') ? '.ts' : '.js'}`, base).href, name }
}

/** What a KernelRef names. It must be a pure function of its arguments and the shared memory among them. */
export type RowKernel<Args = unknown, T = unknown> = (args: Args, start: number, end: number) => T | Promise<T>

/** Runs row-parallel kernels on worker threads; with one thread, in the caller's. */
export interface Pool {
  readonly threads: number
  /** Splits `rows` into contiguous ranges, one call `fn(args, start, end)` each, and waits for all. Results in range order. */
  rows<T>(kernel: KernelRef, rows: number, args: unknown): Promise<T[]>
  close(): Promise<void>
}

/**
 * A pool of `threads` threads. The calling thread does one share itself, so it starts `threads − 1` workers, on first use.
 * They do not keep the process alive, and hold little memory: matrices come to them as shared buffers.
 * @throws RangeError unless threads is a whole number 1 … 256
 */
export function createPool({ threads = 1 }: { threads?: number } = {}): Pool {
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw new RangeError(`createPool: expected 1 to 256 threads, got ${threads}`)
  const team: PoolWorker[] = []
  let closed = false
  return {
    threads,
    async rows<T>(kernel: KernelRef, rows: number, args: unknown): Promise<T[]> {
      if (closed) throw new Error('pool: closed; make a new one')
      const ranges = splitRows(rows, threads)
      if (ranges.length > 1) await hire(team, ranges.length - 1)
      const shares = ranges.map(([start, end], i) =>
        i === 0 ? runHere(kernel, args, start, end) : team[i - 1]!.run(kernel, args, start, end),
      )
      // All must have stopped touching shared memory before the caller hears of the first failure.
      const settled = await Promise.allSettled(shares)
      const failed = settled.find(result => result.status === 'rejected')
      if (failed) throw failed.reason
      return settled.map(result => (result as PromiseFulfilledResult<unknown>).value as T)
    },
    async close() {
      closed = true
      await Promise.all(team.splice(0).map(worker => worker.close()))
    },
  }
}

/** Contiguous ranges, as even as can be; none is empty. */
export function splitRows(rows: number, parts: number): [start: number, end: number][] {
  const count = Math.min(rows, parts)
  return Array.from({ length: count }, (_, i) => [Math.floor((rows * i) / count), Math.floor((rows * (i + 1)) / count)])
}

async function runHere(ref: KernelRef, args: unknown, start: number, end: number): Promise<unknown> {
  const kernel = await loadKernel(ref)
  return kernel(args, start, end)
}

interface PoolWorker {
  run(kernel: KernelRef, args: unknown, start: number, end: number): Promise<unknown>
  close(): Promise<void>
}

async function hire(team: PoolWorker[], count: number): Promise<void> {
  if (team.length >= count) return
  const { startWorker } = await import('./pool-worker-handle.ts')
  while (team.length < count) team.push(startWorker())
}
