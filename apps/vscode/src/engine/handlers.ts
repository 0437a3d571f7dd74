import { type Method, PROTOCOL } from '../shared/protocol.ts'
import type { Handler } from './handler.ts'

/** One line a request; what a handler needs is loaded when it is asked for the first time. */
export const handlers: { readonly [M in Method]: Handler<M> } = {
  initialize: async () => ({ protocol: PROTOCOL, pid: process.pid, node: process.versions.node }),
  inspect: async (...args) => (await import('./handle/inspect.ts')).inspect(...args),
  modelOpen: async (...args) => (await import('./handle/reader.ts')).openModel(...args),
  modelTensors: async (...args) => (await import('./handle/reader.ts')).tensors(...args),
  modelClose: async (...args) => (await import('./handle/reader.ts')).closeModel(...args),
  tensorStats: async (...args) => (await import('./handle/reader.ts')).stats(...args),
  rowGroups: async (...args) => (await import('./handle/reader.ts')).rowGroups(...args),
  comparisonOpen: async (...args) => (await import('./handle/reader.ts')).openComparison(...args),
  comparisonClose: async (...args) => (await import('./handle/reader.ts')).closeComparison(...args),
  tensorDifference: async (...args) => (await import('./handle/reader.ts')).difference(...args),
  compare: async (...args) => (await import('./handle/compare.ts')).compare(...args),
  generate: async (...args) => (await import('./handle/generate.ts')).generateText(...args),
  conversionPlan: async (...args) => (await import('./handle/convert.ts')).planConversion(...args),
  convert: async (...args) => (await import('./handle/convert.ts')).convert(...args),
  report: async (...args) => (await import('./handle/report.ts')).readReport(...args),
  chat: async (...args) => (await import('./handle/generate.ts')).chat(...args),
  countTokens: async (...args) => (await import('./handle/generate.ts')).countTokens(...args),
  methods: async () => (await import('./handle/methods.ts')).listMethods(),
  schema: async (...args) => (await import('./handle/schema.ts')).schema(...args),
  recipeCheck: async (...args) => (await import('./handle/recipes.ts')).check(...args),
  recipePlan: async (...args) => (await import('./handle/recipes.ts')).planTable(...args),
  presets: async () => (await import('./handle/recipes.ts')).presets(),
  plan: async (...args) => (await import('./handle/plan.ts')).plan(...args),
  runStart: async (params, { runProgram }) => (await import('./run/start-run.ts')).startRun(params, runProgram),
  runList: async (...args) => (await import('./handle/runs.ts')).listOfRuns(...args),
  runStatus: async (...args) => (await import('./handle/runs.ts')).oneRun(...args),
  runCancel: async (...args) => (await import('./handle/runs.ts')).cancel(...args),
  runResume: async (...args) => (await import('./handle/runs.ts')).resume(...args),
}
