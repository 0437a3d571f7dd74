export { type Library, loadLibrary } from './library.ts'
export {
  type LlamaFacts,
  type LlamaQuantize,
  type LlamaTensor,
  loadLlamaQuantize,
  type QuantizeOptions,
} from './llama-quantize.ts'
export { type Ggml, loadGgml } from './oracle.ts'
