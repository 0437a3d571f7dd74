import type { InferenceSession } from 'onnxruntime-common'
import type { Graph } from '../graph/graph.ts'
import { toOnnx } from '../onnx/lower.ts'
import type { Tensor } from '../tensor.ts'
import { type Argument, type Backend, isResident, type Program, type Resident, type RunOptions } from './backend.ts'
import { checkInputs } from './check-inputs.ts'
import { type HostArgument, OrtHost, type OrtModule } from './ort-host.ts'

interface WebOptions {
  /** `wasm` runs anywhere, also in Node; `webgpu` needs a browser that has it. */
  readonly device?: 'wasm' | 'webgpu'
  /** Threads of the wasm build; more than one needs SharedArrayBuffer (a cross-origin isolated page). */
  readonly threads?: number
}

/** ONNX Runtime Web on the calling thread: put it into a Worker of your own when the page must stay alive. */
export async function ortWebBackend({ device = 'wasm', threads = 1 }: WebOptions = {}): Promise<Backend> {
  const ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = threads
  const options: InferenceSession.SessionOptions = { executionProviders: [device] }
  const host = new OrtHost(ort as unknown as OrtModule, options)
  let ids = 0
  return {
    name: `onnxruntime-web (${device})`,
    async compile(graph) {
      const program = ids++
      await host.compile(program, toOnnx(graph))
      return localProgram(host, program, graph, () => ids++)
    },
    async upload(tensor, { move = false } = {}) {
      const id = ids++
      host.upload(id, move ? tensor : { ...tensor, data: tensor.data.slice() })
      return localResident(host, id, tensor.dtype, tensor.shape)
    },
    close: async () => {},
  }
}

interface LocalResident extends Resident {
  readonly id: number
}

const localResident = (host: OrtHost, id: number, dtype: Tensor['dtype'], shape: readonly number[]): LocalResident => ({
  id,
  dtype,
  shape,
  read: async () => host.read(id),
  take: async () => host.take(id),
  release: () => host.release(id),
})

function localProgram(host: OrtHost, program: number, graph: Graph, nextId: () => number): Program {
  return {
    async run(inputs, options: RunOptions = {}) {
      const shapes = checkInputs(graph, inputs)
      const sent: Record<string, HostArgument> = {}
      for (const name of graph.inputs.keys()) {
        const value = inputs[name]!
        sent[name] = isResident(value) ? { resident: (value as LocalResident).id } : value
      }
      const results: Record<string, Argument> = {}
      const keep: Record<string, number> = {}
      for (const name of options.keep ?? []) {
        keep[name] = nextId()
        results[name] = localResident(host, keep[name], graph.outputs.get(name)!.dtype, shapes(name))
      }
      const outputs = [...graph.outputs.keys()]
      return {
        ...results,
        ...(await host.run({
          program,
          inputs: sent,
          keep,
          outputs,
        })),
      }
    },
    close: () => host.closeProgram(program),
  }
}
