import type { OutputPlan } from '../plan/plan.ts'

/** What a conversion will make of one tensor. */
export interface ConversionRow {
  /** Its name in the output. */
  readonly tensor: string
  readonly shape: readonly number[]
  /** How it is stored, and how it will be. */
  readonly from: string
  readonly to: string
  readonly bytes: number
  /** Whether its columns have an importance. */
  readonly weighed: boolean
  /** Whether codes and scales of a compressed matrix stay what they are, in another container. */
  readonly kept?: true
  /** For people: why it is not of the type that the preset has for it. */
  readonly note?: string
}

/** A conversion that is planned down to the last tensor, over an open model. */
export interface Conversion {
  readonly input: string
  readonly output: OutputPlan
  readonly rows: readonly ConversionRow[]
  /** Of the tensors, in the input and in the output. */
  readonly inputBytes: number
  readonly bytes: number
  /** What becomes of the numbers: a line for each thing that is not kept exactly. Empty when nothing is lost. */
  readonly losses: readonly string[]
  /** What else one should know before it starts. */
  readonly notes: readonly string[]
  /**
   * Does it; the output appears under its name when it is complete.
   * @throws SinterError or FormatError: the place, the disk
   */
  write(options: ConvertOptions): AsyncGenerator<ConvertEvent, ConvertResult>
  close(): Promise<void>
}

export interface ConvertOptions {
  readonly out: string
  /** Default: all. */
  readonly threads?: number | undefined
  /** Of a GGUF: most bytes of tensors in a file. */
  readonly shardBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Work done, in millions of weights. */
export interface ConvertEvent {
  readonly type: 'progress'
  readonly stage: 'convert'
  readonly done: number
  readonly total: number
  readonly unit: string
}

export interface ConvertResult {
  readonly path: string
  readonly outputBytes: number
  readonly seconds: number
  /** What turned out while writing. */
  readonly notes: readonly string[]
}

/** One way from a kind of model to a kind of file. */
export interface Route {
  readonly rows: readonly ConversionRow[]
  readonly inputBytes: number
  readonly notes: readonly string[]
  /** @returns where it lies, when that is not `out`, and notes */
  write(job: RouteJob): Promise<{ readonly path?: string; readonly bytes?: number; readonly notes: readonly string[] }>
  close(): Promise<void>
}

export interface RouteJob {
  readonly out: string
  readonly threads: number
  readonly shardBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onValues: (done: number, total: number) => void
}
