import { type Method, PROTOCOL } from '../shared/protocol.ts'
import type { Handler } from './handler.ts'

/** One line a request; what a handler needs is loaded when it is asked for the first time. */
export const handlers: { readonly [M in Method]: Handler<M> } = {
  initialize: async () => ({ protocol: PROTOCOL, pid: process.pid, node: process.versions.node }),
  inspect: async (...args) => (await import('./handle/inspect.ts')).inspect(...args),
  tensorStats: async (...args) => (await import('./handle/tensor-stats.ts')).tensorStats(...args),
  compare: async (...args) => (await import('./handle/compare.ts')).compare(...args),
  generate: async (...args) => (await import('./handle/generate.ts')).generateText(...args),
  methods: async () => (await import('./handle/methods.ts')).listMethods(),
  schema: async (...args) => (await import('./handle/schema.ts')).schema(...args),
  plan: async (...args) => (await import('./handle/plan.ts')).plan(...args),
  runStart: async (params, { runProgram }) => (await import('./run/start-run.ts')).startRun(params, runProgram),
  runList: async (...args) => (await import('./handle/runs.ts')).listOfRuns(...args),
  runStatus: async (...args) => (await import('./handle/runs.ts')).oneRun(...args),
  runCancel: async (...args) => (await import('./handle/runs.ts')).cancel(...args),
  runResume: async (...args) => (await import('./handle/runs.ts')).resume(...args),
}
