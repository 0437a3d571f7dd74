export type { RunLine } from '../runs/read-events.ts'
export { listRuns, readRun } from '../runs/read-runs.ts'
export { runFolder, runsFolder } from '../runs/run-folder.ts'
export { createConnection, type RequestEvent } from './connection.ts'
export {
  clientOf,
  createEngineClient,
  type EngineClient,
  type EngineClientOptions,
  type EngineState,
  type RequestOptions,
} from './engine-client.ts'
export { EngineError, type EngineErrorKind } from './engine-error.ts'
export { type EngineProcess, handshake } from './engine-process.ts'
export { type FoundNode, findNode, LEAST_NODE, type NodeCandidate } from './find-node.ts'
export { engineModelReader, engineRecipeService } from './services.ts'
export {
  type Watch,
  type WatchEventsOptions,
  type WatchOptions,
  type WatchRunsOptions,
  watchEvents,
  watchRuns,
} from './watch-runs.ts'
