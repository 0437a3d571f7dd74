/** What kernels of other packages are written with; see ADR 5. */
export { type Simd, simdKernels } from './kernels/simd.ts'
export * from './kernels/wasm.ts'
