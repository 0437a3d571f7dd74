import type { DType, Tensor, Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import type { TensorSource } from '../source.ts'

/** How a Hugging Face folder stores compressed matrices: what its `quantization_config` says, and tensors beside one another. */
export interface FolderFormat {
  readonly name: string
  readonly title: string
  /** Whether every matrix may have another scheme. */
  readonly mixed: boolean
  /** Why the format cannot hold a matrix number for number; undefined when it can. */
  cannotHold(weight: Weight): string | undefined
  /** The tensors of a linear layer by what follows its name and a dot: `qweight`, `weight.absmax`. */
  tensorsOf(weight: Weight, stored: StoredAs): Record<string, Tensor>
  /** What the config says of a matrix; those that are equal share an entry. */
  schemeOf(weight: Weight): Scheme
  /** The type into which readers bring all floats of such a model, scales too; undefined when they leave scales alone. */
  modelDType?(weight: Weight): DType | undefined
  /** `quantization_config`. @throws FormatError `unsupported` when schemes differ and the format knows only one */
  config(held: ReadonlyMap<string, Scheme>, plain: readonly string[]): Config
  /** Whether a folder with this `quantization_config` is one of these. */
  matches(config: Config): boolean
  /** The matrices in a folder. Only names, shapes and small tensors are looked at. @throws FormatError for what does not fit together */
  find(config: Config, source: TensorSource): Promise<readonly FoundMatrix[]>
}

export type Scheme = Readonly<Record<string, unknown>>

/** What is known of the matrix in the original checkpoint. */
export interface StoredAs {
  /** torch's name of its element type: `bfloat16`. */
  readonly dtype: string
}

/** A matrix of a folder, not read yet. */
export interface FoundMatrix {
  /** `model.layers.0.self_attn.q_proj.weight` */
  readonly name: string
  /** `[out, in]` */
  readonly shape: readonly [number, number]
  /** For people: `GPTQ 4-bit`. */
  readonly encoding: string
  /** Names of the tensors that make it, and of those that belong to it and are not needed. */
  readonly parts: readonly string[]
  read(): Promise<Weight>
}
