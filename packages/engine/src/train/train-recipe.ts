import type { Averaging, DataFormat, Schedule } from '@sinter/model'
import type { FeaturesRecipe, LossRecipe, TeacherRecipe } from './teacher-recipe.ts'

export interface TrainDataRecipe {
  /** `-`: standard input. */
  readonly path: string
  readonly format?: DataFormat | undefined
  readonly separator?: string | undefined
  readonly textField?: string | undefined
  readonly promptField?: string | undefined
  readonly completionField?: string | undefined
  readonly skipEmpty?: boolean | undefined
  /** Tokens of a row. */
  readonly length: number
  readonly packing: boolean
  /** Share of the documents. */
  readonly heldOut: number
  readonly heldOutRows: number
}

/** A name and its options, checked by the schema of what is named. */
export interface Named {
  readonly name: string
  readonly [option: string]: unknown
}

/** A training run, with the defaults filled in; options of what is named are kept as written. */
export interface TrainRecipe {
  readonly version: 1
  readonly model?: string | undefined
  readonly method: Named
  readonly backbone?: { readonly method: string; readonly [option: string]: unknown } | undefined
  readonly teacher?: TeacherRecipe | undefined
  /** Which options there are depends on the teacher. */
  readonly loss?: LossRecipe | undefined
  readonly features?: FeaturesRecipe | undefined
  readonly data: TrainDataRecipe
  readonly optimizer: Named
  readonly learningRate: number
  readonly schedule: Schedule
  /** Or `epochs`. */
  readonly steps?: number | undefined
  readonly epochs?: number | undefined
  readonly batch: number
  readonly accumulate: number
  readonly clip: number
  readonly evaluateEvery?: number | undefined
  readonly patience?: number | undefined
  readonly saveEvery?: number | undefined
  /** What the optimizer remembers lives on the disk. */
  readonly pagedOptimizer: boolean
  /** Where frozen tensors are between passes; `disk`: each pass reads them again from the checkpoint. */
  readonly frozen: 'memory' | 'disk'
  /** What is written is an average of the parameters over steps. */
  readonly average?: Averaging | undefined
  readonly seed: number
  readonly output: {
    readonly format: string
    /** Only what was trained beside the model is written: a PEFT folder, or a GGUF adapter. */
    readonly adapterOnly: boolean
  }
}

/** As written: what has a default may be left out. */
export interface TrainRecipeInput
  extends Partial<Omit<TrainRecipe, 'version' | 'method' | 'data' | 'output' | 'features'>>,
    Pick<TrainRecipe, 'version' | 'method'> {
  readonly data: Partial<TrainDataRecipe> & Pick<TrainDataRecipe, 'path'>
  readonly output?: Partial<TrainRecipe['output']> | undefined
  readonly features?: { readonly [Key in keyof FeaturesRecipe]?: Partial<FeaturesRecipe[Key]> } | undefined
}
