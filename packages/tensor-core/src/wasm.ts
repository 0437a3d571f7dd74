/** For kernels outside this package: the assembler, its lanes, and memory to run in. */
export { halfBits, halfValues } from './kernels/half-lanes.ts'
export * from './kernels/lanes.ts'
export { type Simd, simdKernels } from './kernels/simd.ts'
export * from './kernels/tables.ts'
export {
  assemble,
  type Code,
  constant,
  get,
  type Kernel,
  load,
  loadInteger,
  loopBelow,
  plus,
  put,
  repeat,
  set,
  step,
  store,
} from './kernels/wasm.ts'
