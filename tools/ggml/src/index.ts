export { type Library, loadLibrary } from './library.ts'
export { type Ggml, loadGgml } from './oracle.ts'
