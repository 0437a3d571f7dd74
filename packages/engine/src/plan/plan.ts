import type { Method, TransformMethod, WeightMethod } from '@sinter/model'
import type { Recipe } from '../recipe/recipe.ts'

/** A method with its validated options. */
export interface Step<M extends Method = Method> {
  readonly method: M
  readonly options: unknown
}

/** One tensor of the checkpoint: what happens to it and why. */
export interface PlanRow {
  /** Its name in the checkpoint. */
  readonly tensor: string
  /** Its block, or null outside of them. */
  readonly block: number | null
  /** Its canonical name inside the block without `.weight`, `self_attn.q_proj`; the checkpoint's name outside. */
  readonly name: string
  readonly shape: readonly number[]
  readonly action: 'keep' | 'compress'
  /** Weight methods in order; empty for `keep`. */
  readonly steps: readonly Step<WeightMethod>[]
  /** For people: `4-bit symmetric, groups of 64`. */
  readonly scheme: string
  /** Stored bits a weight, scales and indices included. */
  readonly bitsPerWeight: number
  /** How it lies in the output. */
  readonly stored: { readonly type: string; readonly bytes: number }
  readonly reason: string
}

export interface CalibrationPlan {
  readonly text: string
  readonly samples: number
  readonly length: number
}

export interface OutputPlan {
  /** Name of a row of `registry/formats.ts`. */
  readonly container: string
  /** Type of the compressed matrices (`Q4_0`), or of dense tensors (`bf16`); `keep` = as stored. */
  readonly encoding: string
}

/** What a run will do, complete: a run obeys it and decides nothing itself. */
export interface Plan {
  readonly model: {
    readonly path: string
    readonly family: string
    readonly blocks: number
    readonly parameters: number
  }
  readonly recipe: Recipe
  /** Applied to every block before its weight methods. */
  readonly transforms: readonly Step<TransformMethod>[]
  readonly rows: readonly PlanRow[]
  /** Absent when no method needs data. */
  readonly calibration?: CalibrationPlan
  readonly output: OutputPlan
  /** Inputs of the next block come from the compressed block, or from the original one. */
  readonly propagate: 'compressed' | 'original'
  readonly threads: number
  readonly memoryBudget?: number
  readonly cache: 'memory' | 'disk'
  readonly estimate: {
    readonly seconds: number
    readonly memoryBytes: number
    readonly diskBytes: number
    readonly outputBytes: number
  }
  readonly warnings: readonly string[]
}
