import type { Checkpoint, LowRankFactors, Model, TensorInfo } from '@sinter/model'
import type { Weight } from '@sinter/tensor-core'
import type { Route } from '../convert/conversion.ts'
import type { Importance } from '../convert/importance.ts'
import type { TensorRole } from '../plan/tensors.ts'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { RunResult } from '../run/events.ts'

/** A container that a result can be written into: one file, and one row of the table in `registry/formats.ts`. */
export interface Format {
  readonly name: string
  readonly title: string
  /** What may stand after the colon, the first by default: types of the compressed matrices, or of dense tensors. */
  readonly types: readonly string[]
  /** The result is one file with this name unless another is given, `model.gguf`; a folder when absent. */
  readonly file?: string
  /** Why a type that is not among `types` is not: said in place of the list. */
  readonly whyNot?: (type: string) => string | undefined
  /** The type for `output.dtype` of a recipe. @throws SinterError `option` where the container has none */
  readonly withDtype?: (dtype: string) => string
  /**
   * The type of each stored matrix where the one asked for is a mix of several, by stored name; undefined when all get the same.
   * @param weighed whether what is stored was chosen by what the model does with text
   */
  readonly typesOf?: (type: string, model: TypedModel, weighed: boolean) => ReadonlyMap<string, string> | undefined
  /** Options of a method that the type fixes, for it holds codes of no other grid; undefined when codes are not held. */
  readonly fit?: (type: string) => Fit | undefined
  /** What is stored in place of what a method makes of rows of `inputs`, for people; undefined when it is held as it is. */
  readonly recoding?: (type: string, method: string, inputs: number, fits: boolean) => string | undefined
  /** How a tensor will lie in the output. */
  readonly stored: (type: string, info: TensorInfo, compressed: boolean, bitsPerWeight?: number) => Stored
  /** The same where a model that has nothing compressed is converted, and the type says what its matrices are rounded to. */
  readonly rounded?: (type: string, tensor: TensorRole) => Stored
  /** Why a matrix in its compressed form cannot be stored number for number, where that is asked for; undefined when it can. */
  readonly cannotHold?: (type: string, weight: Weight) => string | undefined
  /** What one must know before a run that compresses into it. */
  readonly warning?: string
  /** Writes it, one tensor at a time; it appears under its name when it is complete. */
  readonly write: (job: OutputJob, source: CompressedSource, checkpoint: Checkpoint) => Promise<Notes>
  /** How files are converted into it, where that is more than writing values or kept matrices as `write` does. */
  readonly conversion?: {
    /** The full name of a type. @throws SinterError `unknown-name` */
    readonly typeNamed: (type: string) => string
    readonly route: (input: string, type: string, importance: Importance | undefined) => Promise<Route>
  }
  /** For adapters alone, where there is such a form. */
  readonly adapter?: {
    readonly types: readonly string[]
    readonly write: (
      path: string,
      model: Model,
      adapter: ReadonlyMap<string, LowRankFactors>,
      type: string,
    ) => Promise<void>
  }
}

/** Options of a weight method by name. */
export type Options = Readonly<Record<string, unknown>>

export interface Fit {
  /** Options that the type can hold no other values of. A method takes those that it has. */
  readonly fixed: Options
  /** Whether only methods with the option `encoding` make what the type holds. */
  readonly special?: boolean
  /** Groups may have any columns: their index is stored. */
  readonly anyColumns?: boolean
  /** What the type holds, for people. */
  readonly holds: string
}

/** What the types of tensors are chosen by. */
export type TypedModel = Pick<Model, 'configFile'> & { readonly source: Pick<Model['source'], 'names' | 'info'> }

export interface Stored {
  readonly type: string
  readonly bytes: number
}

export interface OutputJob {
  /** Where the original lies. */
  readonly input: string
  readonly type: string
  /** Stored names of the matrices that were compressed. */
  readonly compressed: ReadonlySet<string>
  /** Types of single tensors by stored name, where they are not all `type`. */
  readonly types?: ReadonlyMap<string, string> | undefined
  /** Matrices are rounded as the type says: see `rounded`. Otherwise they keep 16 bits. */
  readonly round?: boolean
  readonly out: string
  /** To encode with. Default: the caller's alone. */
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
}

export type Notes = RunResult['notes']
