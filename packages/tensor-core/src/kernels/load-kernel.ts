import type { KernelRef, RowKernel } from './pool.ts'

/** Loads a kernel in this thread. @throws TypeError when the module has no such function */
export async function loadKernel({ module, name }: KernelRef): Promise<RowKernel> {
  const exports = (await import(/* @vite-ignore */ module)) as Record<string, unknown>
  const kernel = exports[name]
  if (typeof kernel !== 'function') throw new TypeError(`kernel: ${module} exports no function "${name}"`)
  return kernel as RowKernel
}
