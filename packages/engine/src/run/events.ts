import type { Note } from '@sinter/model'

/** Everything a run tells. The terminal, the editor and the report read the same stream. */
export type RunEvent =
  | { readonly type: 'started'; readonly blocks: number; readonly resumedAt: number; readonly tokens: number }
  | { readonly type: 'stage'; readonly stage: 'calibrate' | 'compress' | 'write' | 'evaluate' }
  | { readonly type: 'block'; readonly block: number; readonly blocks: number; readonly seconds: number }
  | { readonly type: 'layer'; readonly layer: LayerReport }
  | { readonly type: 'note'; readonly layer: string; readonly note: Note }
  /** Work done of a stage, in its own unit, for rates and the time left. */
  | {
      readonly type: 'progress'
      readonly stage: string
      readonly done: number
      readonly total: number
      readonly unit: string
    }
  | { readonly type: 'done'; readonly result: RunResult }

export interface LayerReport {
  /** `model.layers.3.self_attn.q_proj` */
  readonly name: string
  readonly block: number
  readonly kind: string
  readonly method: string
  readonly bitsPerWeight: number
  /** Share of zeros among the weights. */
  readonly sparsity: number
  /** tr(ΔW G ΔWᵀ) / tr(W G Wᵀ) with the calibration Gram; ‖ΔW‖²/‖W‖² when there is none. */
  readonly error: number
  readonly seconds: number
}

export interface RunResult {
  /** The finished directory or file. */
  readonly path: string
  readonly layers: readonly LayerReport[]
  readonly notes: readonly { readonly layer: string; readonly note: Note }[]
  /** Stored bits of the compressed matrices, by what they are spent on. */
  readonly bits: {
    readonly values: number
    readonly scales: number
    readonly zeroPoints: number
    readonly indices: number
  }
  readonly weights: number
  readonly outputBytes: number
  /** Seconds by stage. */
  readonly timings: Readonly<Record<string, number>>
}
