import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import koffi from 'koffi'

export type Library = ReturnType<typeof koffi.load>

/**
 * A shared library of the llama.cpp that node-llama-cpp is delivered with: `libggml-base.so`, `libllama.v0.5.0.so`.
 * @throws Error where the package or its build for this platform is not installed, or cannot be loaded
 */
export function loadLibrary(file: string): Library {
  const own = createRequire(import.meta.url)
  const client = createRequire(own.resolve('node-llama-cpp'))
  const build = dirname(client.resolve('@node-llama-cpp/linux-x64'))
  return koffi.load(join(build, '..', 'bins', 'linux-x64', file))
}
