import { assemble, type Kernel } from '@sinter/tensor-core/wasm'

/** Values that the kernels take at a time: 32 kB, so that everything about them stays near. */
export const KERNEL_VALUES = 8192

/** Bytes of an array with an entry a sub-block. */
const SUB = KERNEL_VALUES / 4

type Places = Readonly<
  Record<'values' | 'importance' | 'codes' | 'subs' | 'lanes' | 'weights' | 'levels' | 'steps' | 'end', number>
>

/** Byte addresses. */
export const places: Places = regions({
  values: 4 * KERNEL_VALUES,
  importance: 4 * KERNEL_VALUES,
  /** Codes, or whole blocks. */
  codes: 2 * KERNEL_VALUES,
  /** Arrays with an entry a sub-block, see `sub`. */
  subs: 8 * SUB,
  /** Four sub-blocks side by side in lanes: a vector for each position in them. */
  lanes: 512,
  weights: 512,
  levels: 512,
  steps: 512,
  end: 0,
})

/** Each region behind the one before it. */
function regions(sizes: Places): Places {
  let at = 0
  const begin = (size: number): number => (at += size) - size
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, begin(size)])) as unknown as Places
}

type SubArray = 'scales' | 'mins' | 'factors' | 'bases' | 'weights' | 'variances' | 'odd'

/** The arrays with an entry a sub-block, as offsets from `places.subs`. */
export const sub: Readonly<Record<SubArray, number>> = {
  scales: 0,
  mins: SUB,
  factors: 2 * SUB,
  bases: 3 * SUB,
  weights: 4 * SUB,
  variances: 5 * SUB,
  /** Not 0 where the kernel left the range in which it agrees with ggml, and plain code has to look again. */
  odd: 6 * SUB,
}

/** One thread's memory, made on first use. */
let memory: WebAssembly.Memory | undefined

export function kernelMemory(): WebAssembly.Memory {
  memory ??= new WebAssembly.Memory({ initial: Math.ceil(places.end / 65536) })
  return memory
}

/** Compiles a kernel over that memory. @throws CompileError where WebAssembly has no SIMD */
export function compileKernel(kernel: Kernel): (...numbers: number[]) => void {
  const module = new WebAssembly.Module(assemble({ run: kernel }))
  const instance = new WebAssembly.Instance(module, { env: { memory: kernelMemory() } })
  return instance.exports.run as (...numbers: number[]) => void
}
