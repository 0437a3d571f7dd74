import * as conversion from './conversion-messages.ts'
import { type Guard, GuardError, number, object, oneOf, text, whole } from './guard.ts'
import * as model from './model-messages.ts'
import type * as values from './model-reader.ts'
import * as reader from './reader-messages.ts'
import type { Limits, PlanFacts } from './recipe-checker.ts'
import * as recipe from './recipe-messages.ts'
import * as report from './report-messages.ts'
import * as run from './run-messages.ts'

export type * from './conversion-messages.ts'
export { type Guard, GuardError } from './guard.ts'
export type * from './model-messages.ts'
export type * from './reader-messages.ts'
export type * from './recipe-messages.ts'
export type * from './report-messages.ts'
export type * from './run-messages.ts'
export type * from './run-status.ts'

/** Both sides must speak the same; it rises when a message changes its meaning or loses a part. */
export const PROTOCOL = 1

/** A request is a recipe of a page or two at most. */
export const MAX_REQUEST_BYTES: number = 8 * 2 ** 20
/** The tensors of a large model are some tens of megabytes of text. */
export const MAX_ANSWER_BYTES: number = 256 * 2 ** 20

export interface InitializeParams {
  readonly protocol: number
  /** Who asks, for the log. */
  readonly client: string
}

export interface InitializeResult {
  readonly protocol: number
  readonly pid: number
  /** Its version. */
  readonly node: string
}

/** Every request: what is asked and what is answered. */
export interface Requests {
  initialize: [InitializeParams, InitializeResult]
  inspect: [model.InspectParams, model.InspectResult]
  modelOpen: [reader.PathParams, values.ModelHeader]
  modelTensors: [reader.TensorsParams, reader.TensorsResult]
  modelClose: [reader.PathParams, reader.Nothing]
  tensorStats: [reader.TensorStatsParams, values.TensorValues]
  rowGroups: [reader.RowGroupsParams, reader.RowGroupsResult]
  comparisonOpen: [reader.TwoModels, values.Comparison]
  comparisonClose: [reader.TwoModels, reader.Nothing]
  tensorDifference: [reader.DifferenceParams, values.TensorDifference]
  compare: [model.CompareParams, model.CompareResult]
  generate: [model.GenerateParams, model.GenerateResult]
  chat: [model.ChatParams, model.GenerateResult]
  countTokens: [model.CountParams, model.CountResult]
  conversionPlan: [conversion.ConversionParams, conversion.ConversionPlan]
  convert: [conversion.ConvertParams, conversion.Converted]
  report: [report.ReportParams, report.ReportFacts]
  methods: [NoParams, model.MethodsResult]
  schema: [model.SchemaParams, model.SchemaResult]
  recipeCheck: [recipe.RecipeText, recipe.CheckResult]
  recipePlan: [recipe.RecipeText & Limits, PlanFacts]
  presets: [NoParams, recipe.PresetsResult]
  plan: [run.RecipeParams, run.PlanResult]
  runStart: [run.RunStartParams, run.RunStartResult]
  runList: [run.RunListParams, run.RunListResult]
  runStatus: [run.RunParams, run.RunResult]
  runCancel: [run.RunParams, run.RunResult]
  runRemove: [run.RunParams, reader.Nothing]
  runResume: [run.RunResumeParams, run.RunResult]
}

/** Nothing is asked for. */
export type NoParams = Readonly<Record<string, never>>

export type Method = keyof Requests
export type Params<M extends Method> = Requests[M][0]
export type Result<M extends Method> = Requests[M][1]

/** One line a request: how both sides check what they get. */
export const requests: {
  readonly [M in Method]: { readonly params: Guard<Params<M>>; readonly result: Guard<Result<M>> }
} = {
  initialize: {
    params: object({ protocol: number, client: text(1000) }),
    result: object({ protocol: number, pid: number, node: text(1000) }),
  },
  inspect: { params: model.inspectParams, result: model.inspectResult },
  modelOpen: { params: reader.pathParams, result: reader.modelHeader },
  modelTensors: { params: reader.tensorsParams, result: reader.tensorsResult },
  modelClose: { params: reader.pathParams, result: reader.nothing },
  tensorStats: { params: reader.tensorStatsParams, result: reader.tensorValuesResult },
  rowGroups: { params: reader.rowGroupsParams, result: reader.rowGroupsResult },
  comparisonOpen: { params: reader.twoModels, result: reader.comparison },
  comparisonClose: { params: reader.twoModels, result: reader.nothing },
  tensorDifference: { params: reader.differenceParams, result: reader.tensorDifference },
  compare: { params: model.compareParams, result: model.compareResult },
  generate: { params: model.generateParams, result: model.generateResult },
  chat: { params: model.chatParams, result: model.generateResult },
  countTokens: { params: model.countParams, result: model.countResult },
  conversionPlan: { params: conversion.conversionParams, result: conversion.conversionPlan },
  convert: { params: conversion.convertParams, result: conversion.converted },
  report: { params: report.reportParams, result: report.reportFacts },
  methods: { params: object<NoParams>({}), result: model.methodsResult },
  schema: { params: model.schemaParams, result: model.schemaResult },
  recipeCheck: { params: recipe.recipeParams, result: recipe.checkResult },
  recipePlan: { params: recipe.recipePlanParams, result: recipe.planFacts },
  presets: { params: object<NoParams>({}), result: recipe.presetsResult },
  plan: { params: run.planParams, result: run.planResult },
  runStart: { params: run.runStartParams, result: run.runStartResult },
  runList: { params: run.runListParams, result: run.runListResult },
  runStatus: { params: run.runParams, result: run.runResult },
  runCancel: { params: run.runParams, result: run.runResult },
  runRemove: { params: run.runParams, result: reader.nothing },
  runResume: { params: run.runResumeParams, result: run.runResult },
}

export const isMethod = (name: unknown): name is Method => typeof name === 'string' && Object.hasOwn(requests, name)

/** What the engine tells while it is at work on a request, by that request's id, and that it is alive. */
export type EngineEvent =
  | {
      readonly type: 'progress'
      readonly id: number
      readonly stage: string
      readonly done: number
      readonly total: number
    }
  | { readonly type: 'text'; readonly id: number; readonly text: string }
  | { readonly type: 'heartbeat'; readonly at: number; readonly memoryBytes: number }

const id: Guard<number> = whole(0, Number.MAX_SAFE_INTEGER)

const events: { readonly [T in EngineEvent['type']]: Guard<Extract<EngineEvent, { type: T }>> } = {
  progress: object({ type: oneOf('progress'), id, stage: text(1000), done: number, total: number }),
  text: object({ type: oneOf('text'), id, text: text(2 ** 24) }),
  heartbeat: object({ type: oneOf('heartbeat'), at: number, memoryBytes: number }),
}

/** @throws GuardError for what is no event */
export const engineEvent: Guard<EngineEvent> = (value, at) => {
  const type = (value as { type?: unknown } | null)?.type
  if (typeof type !== 'string' || !Object.hasOwn(events, type)) throw new GuardError(`${at}: no event of the protocol`)
  return events[type as EngineEvent['type']](value, at)
}

/** JSON-RPC 2.0's own codes, and ours. */
export const errorCodes = {
  parse: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  cancelled: -32800,
  /** The engine says what is wrong with what was asked; `data.code` is its word for it. */
  refused: -32001,
  busy: -32002,
  protocol: -32003,
} as const

export interface RequestMessage {
  readonly jsonrpc: '2.0'
  readonly id: number
  readonly method: string
  readonly params?: unknown
}

/** `$/cancel { id }` from the client, `$/event` from the engine. */
export interface NotificationMessage {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params?: unknown
}

export interface AnswerMessage {
  readonly jsonrpc: '2.0'
  /** Null when the request could not be read. */
  readonly id: number | null
  readonly result?: unknown
  readonly error?: ErrorObject
}

export interface ErrorObject {
  readonly code: number
  readonly message: string
  /** The engine's word for what is wrong. */
  readonly data?: { readonly code?: string } | undefined
}

export const cancelParams: Guard<{ readonly id: number }> = object({ id })
