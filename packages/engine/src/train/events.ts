import type { TrainEvent } from '@sinter/model'
import type { TrainHistory } from './history.ts'

export interface TrainOptions {
  /** Folder or file to make. It appears when it is complete. */
  readonly out: string
  /** Go on with the unfinished run beside `out`. */
  readonly resume?: boolean
  readonly threads: number
  readonly signal?: AbortSignal | undefined
  /** What `-` reads. */
  readonly input?: AsyncIterable<Uint8Array>
}

export type TrainRunEvent =
  | {
      readonly type: 'started'
      readonly steps: number
      readonly resumedAt: number
      readonly documents: number
      readonly rows: number
      /** 0: the loss is looked at in training only. */
      readonly heldOutRows: number
      /** Values that move, and all of the model. */
      readonly trained: number
      readonly parameters: number
    }
  | TrainEvent
  | { readonly type: 'saved'; readonly step: number }
  | {
      readonly type: 'progress'
      readonly stage: string
      readonly done: number
      readonly total: number
      readonly unit: string
    }
  | { readonly type: 'done'; readonly result: TrainResult }

export type Emit = (event: TrainRunEvent) => void

/** Tensors that differ only by their block. */
export interface TrainedKind {
  readonly name: string
  readonly tensors: number
  readonly values: number
}

export interface TrainResult {
  readonly path: string
  /** That were taken: fewer than asked for when patience ended. */
  readonly steps: number
  /** Read in all steps, and the seconds that they took, those before an interruption included. */
  readonly tokens: number
  readonly seconds: number
  /** Held-out terms before the first step and after the last, when something was held out. */
  readonly before?: Readonly<Record<string, number>>
  readonly after?: Readonly<Record<string, number>>
  /** Of every step. */
  readonly losses: readonly number[]
  readonly history: TrainHistory
  readonly trained: readonly TrainedKind[]
  /** Values of the whole model. */
  readonly parameters: number
  readonly data: { readonly documents: number; readonly rows: number; readonly heldOutRows: number }
  /** Beginnings of held-out documents, or of trained ones when nothing was held out, for the model to continue. */
  readonly prompts: readonly string[]
}
