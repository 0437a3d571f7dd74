import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type KernelRef, kernelRef } from '../kernels/pool.ts'

/** `collectGarbage` for the threads of a pool: a shared buffer lives until each thread that saw it has collected. */
export const collectKernel: KernelRef = kernelRef(import.meta.url, './collect-garbage', 'collectGarbage')

let gc: (() => void) | undefined

/**
 * Frees unreachable buffers of this thread now. The collector judges by its own small heap and lets a hundred megabytes of
 * array buffers wait; a run calls this where it has just dropped some, for some milliseconds each time.
 */
export function collectGarbage(): void {
  if (!gc) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as () => void
  }
  gc()
}
