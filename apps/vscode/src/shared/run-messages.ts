import { array, boolean, type Guard, nullable, number, object, oneOf, optional, text, whole } from './guard.ts'
import { message, name, path } from './model-messages.ts'
import type { Limits } from './recipe-checker.ts'
import { limits } from './recipe-messages.ts'
import { type RunStatus, runStatus } from './run-status.ts'

export interface RecipeParams extends Limits {
  /** Of the recipe, saved or not. */
  readonly text: string
  /** Of its file: the ending says JSON or YAML, and paths in the recipe are relative to its folder. */
  readonly path: string
  /** In place of the recipe's. */
  readonly model?: string | undefined
  /** Where the result goes. Default: beside the recipe, under its name. */
  readonly out?: string | undefined
}

const recipeFields = {
  text: text(2 ** 20 + 1),
  path,
  model: optional(path),
  out: optional(path),
  ...limits,
}

export const planParams: Guard<RecipeParams> = object(recipeFields)

/** A part of the text, in UTF-16 units. */
export interface TextSpan {
  readonly offset: number
  readonly length: number
}

export interface RecipeDiagnostic {
  readonly severity: 'error' | 'warning'
  /** `steps[0].bits`; empty for the whole recipe. */
  readonly path: string
  /** From 1. */
  readonly line: number
  /** What is underlined; absent for the whole line. */
  readonly span?: TextSpan | undefined
  readonly message: string
  /** What repairs it: this text in place of that part. */
  readonly fix?: (TextSpan & { readonly text: string }) | undefined
}

const diagnostics: Guard<readonly RecipeDiagnostic[]> = array(
  object<RecipeDiagnostic>({
    severity: oneOf('error', 'warning'),
    path: message,
    line: number,
    span: optional(object({ offset: number, length: number })),
    message,
    fix: optional(object({ offset: number, length: number, text: message })),
  }),
  2 ** 16,
)

export interface PlanTensor {
  readonly tensor: string
  /** Null outside of the blocks. */
  readonly block: number | null
  readonly name: string
  readonly shape: readonly number[]
  readonly action: 'keep' | 'compress'
  readonly methods: readonly string[]
  /** For people: `4-bit symmetric, groups of 64`. */
  readonly scheme: string
  readonly bitsPerWeight: number
  readonly type: string
  readonly bytes: number
  readonly reason: string
}

export interface PlanAnswer {
  readonly model: string
  readonly family: string
  readonly blocks: number
  readonly parameters: number
  readonly out: string
  /** `gguf:Q4_0` */
  readonly format: string
  readonly tensors: readonly PlanTensor[]
  /** Of the compressed matrices; null when there are none. */
  readonly averageBits: number | null
  readonly estimate: {
    readonly seconds: number
    readonly memoryBytes: number
    readonly diskBytes: number
    readonly outputBytes: number
  }
  readonly threads: number
}

export interface PlanResult {
  readonly diagnostics: readonly RecipeDiagnostic[]
  /** Absent when there are errors. */
  readonly plan?: PlanAnswer | undefined
}

const planTensor: Guard<PlanTensor> = object({
  tensor: name,
  block: nullable(number),
  name,
  shape: array(number, 16),
  action: oneOf('keep', 'compress'),
  methods: array(name, 1000),
  scheme: message,
  bitsPerWeight: number,
  type: name,
  bytes: number,
  reason: message,
})

export const planResult: Guard<PlanResult> = object({
  diagnostics,
  plan: optional(
    object<PlanAnswer>({
      model: path,
      family: name,
      blocks: number,
      parameters: number,
      out: path,
      format: name,
      tensors: array(planTensor, 2 ** 20),
      averageBits: nullable(number),
      estimate: object({ seconds: number, memoryBytes: number, diskBytes: number, outputBytes: number }),
      threads: number,
    }),
  ),
})

export interface RunStartParams extends RecipeParams {
  /** The folder that keeps the runs, under `.sinter/runs`. */
  readonly workspace: string
  /** Write one beside the result. Default true. */
  readonly report?: boolean | undefined
  readonly parallel?: number | undefined
}

/** How many runs of a workspace may be at work at once; those beyond it wait. Default 1. */
const parallel = optional(whole(1, 64))

export const runStartParams: Guard<RunStartParams> = object({
  ...recipeFields,
  workspace: path,
  report: optional(boolean),
  parallel,
})

export interface RunStartResult {
  readonly diagnostics: readonly RecipeDiagnostic[]
  /** Absent when the recipe has errors: then nothing was started. */
  readonly run?: RunStatus | undefined
}

export const runStartResult: Guard<RunStartResult> = object({ diagnostics, run: optional(runStatus) })

export interface RunListParams {
  readonly workspace: string
}

export const runListParams: Guard<RunListParams> = object({ workspace: path })

/** The newest first. */
export interface RunListResult {
  readonly runs: readonly RunStatus[]
}

export const runListResult: Guard<RunListResult> = object({ runs: array(runStatus, 2 ** 16) })

export interface RunParams {
  readonly workspace: string
  readonly id: string
}

const runFields = { workspace: path, id: text(200) }

export const runParams: Guard<RunParams> = object(runFields)

export interface RunResumeParams extends RunParams {
  readonly parallel?: number | undefined
}

export const runResumeParams: Guard<RunResumeParams> = object({ ...runFields, parallel })

export interface RunResult {
  readonly run: RunStatus
}

export const runResult: Guard<RunResult> = object({ run: runStatus })
