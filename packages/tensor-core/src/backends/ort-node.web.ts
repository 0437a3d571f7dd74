import type { Backend, Program } from './backend.ts'
import { ortWebBackend } from './ort-web.ts'

/**
 * As its namesake where there is no Node: ONNX Runtime Web on the calling thread, loaded with the first program.
 * @param threads more than one needs a cross-origin isolated page
 */
export function ortNodeBackend({ threads = 1 }: { readonly threads?: number } = {}): Backend {
  let loading: Promise<Backend> | undefined
  const backend = (): Promise<Backend> => (loading ??= ortWebBackend({ threads }))
  return {
    name: 'onnxruntime-web (wasm)',
    compile: async graph => withPauses(await (await backend()).compile(graph)),
    upload: async (tensor, options) => (await backend()).upload(tensor, options),
    close: async () => (await loading)?.close(),
  }
}

/** Between two runs messages come in, a wish to stop among them: a run alone leaves the thread no moment for them. */
const withPauses = (program: Program): Program => ({
  ...program,
  async run(inputs, options) {
    await new Promise(resolve => setTimeout(resolve))
    return program.run(inputs, options)
  },
})
