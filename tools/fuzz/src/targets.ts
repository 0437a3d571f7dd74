import { ggufTarget } from './gguf-target.ts'
import { onnxTarget } from './onnx-target.ts'
import { safetensorsTarget } from './safetensors-target.ts'
import type { Target } from './target.ts'

/** Every kind of file that is fuzzed. To add one: a file and a line. */
export const makeTargets = async (): Promise<readonly Target[]> => [
  safetensorsTarget(),
  await ggufTarget(),
  await onnxTarget(),
]
