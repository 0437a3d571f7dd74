import { assemble, type Kernel } from './wasm.ts'

/** Kernels over a memory of their own. */
export interface Simd<Kernels> {
  readonly kernels: Kernels
  /** The memory as f64; whatever earlier calls left is still in it. */
  readonly memory: Float64Array
}

/**
 * Gives kernels in WebAssembly SIMD over a memory of at least so many bytes: compiled on first use, and the memory is kept as
 * long as it is large enough. One thread's own; nothing here is shared.
 * @param define what to assemble, by the names in `Kernels`
 */
export function simdKernels<Kernels>(define: () => Readonly<Record<string, Kernel>>): (bytes: number) => Simd<Kernels> {
  let compiled: WebAssembly.Module | undefined
  let last: Simd<Kernels> | undefined
  return bytes => {
    if (last && last.memory.byteLength >= bytes) return last
    compiled ??= new WebAssembly.Module(assemble(define()))
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
    const instance = new WebAssembly.Instance(compiled, { env: { memory } })
    last = { kernels: instance.exports as unknown as Kernels, memory: new Float64Array(memory.buffer) }
    return last
  }
}
