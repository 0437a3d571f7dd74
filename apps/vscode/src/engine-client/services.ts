import type { ModelReader, ReadControl } from '../shared/model-reader.ts'
import type { RecipeService } from '../shared/recipe-checker.ts'
import type { EngineClient, RequestOptions } from './engine-client.ts'

const watched = ({ signal, onProgress }: ReadControl = {}): RequestOptions => ({
  signal,
  onEvent: event => event.type === 'progress' && onProgress?.(event.done, event.total),
})

/** What the viewers ask, answered by the engine's process. */
export function engineModelReader({ request }: EngineClient): ModelReader {
  return {
    open: path => request('modelOpen', { path }),
    tensors: async (path, start, count) => (await request('modelTensors', { path, start, count })).tensors,
    stats: (path, tensor, options, control) => request('tensorStats', { path, tensor, options }, watched(control)),
    rowGroups: async (path, tensor, row, groupSize) =>
      (await request('rowGroups', { path, tensor, row, groupSize })).groups,
    compare: (before, after) => request('comparisonOpen', { before, after }),
    difference: (before, after, tensor, control) =>
      request('tensorDifference', { before, after, tensor }, watched(control)),
    close: async path => void (await request('modelClose', { path })),
    endComparison: async (before, after) => void (await request('comparisonClose', { before, after })),
  }
}

/** What the editor of recipes asks, answered by the engine's process. */
export function engineRecipeService({ request }: EngineClient): RecipeService {
  return {
    check: async (text, path) => (await request('recipeCheck', { text, path })).diagnostics,
    plan: (text, path, limits) => request('recipePlan', { text, path, ...limits }),
    presets: async () => (await request('presets', {})).presets,
  }
}
