import { assemble, constant, floats, store } from '@sinter/tensor-core/wasm'

let known: boolean | undefined

/** Whether the engine has WebAssembly with SIMD: Node and every browser of the last years do. */
export function hasSimd(): boolean {
  const probe = { parameters: 0, integers: 0, vectors: 0, body: [constant(0), floats(0), store(0)] }
  known ??= typeof WebAssembly !== 'undefined' && WebAssembly.validate(assemble({ probe }))
  return known
}
