/**
 * Names a function that a worker thread can load: the module's URL, the export, and plain data for it.
 * The export is called as `fn(data, args)`; shared memory in `args` is how results come back in bulk.
 */
export interface KernelRef {
  readonly module: string
  readonly name: string
}

/** Runs row-parallel kernels on worker threads; with one thread, in the caller's. */
export interface Pool {
  readonly threads: number
  /** Splits `rows` into contiguous ranges, one call `fn(args, start, end)` each, and waits for all. Results in range order. */
  rows<T>(kernel: KernelRef, rows: number, args: unknown): Promise<T[]>
  close(): Promise<void>
}
