import { assemble, constant, floats, store } from '@sinter/tensor-core/wasm'
import { FormatError } from '../format-error.ts'

let known: boolean | undefined

/** Whether the engine has WebAssembly with SIMD: Node and every browser of the last years do. */
export function hasSimd(): boolean {
  const probe = { parameters: 0, integers: 0, vectors: 0, body: [constant(0), floats(0), store(0)] }
  known ??= typeof WebAssembly !== 'undefined' && WebAssembly.validate(assemble({ probe }))
  return known
}

/** @throws FormatError `unsupported` where a search has no other way to run */
export function needSimd(): void {
  if (!hasSimd())
    throw new FormatError(
      'unsupported',
      'IQ encodings are written with WebAssembly SIMD, which this engine does not have',
    )
}
