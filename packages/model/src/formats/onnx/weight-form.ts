import type { OnnxBuilder, Tensor, Weight } from '@sinter/tensor-core'
import type { Json } from '../json-strict.ts'
import type { TensorStore } from './tensor-store.ts'

/** What a weight is emitted with. */
export interface FormContext {
  readonly builder: OnnxBuilder
  readonly store: TensorStore
  /** Of `MatMulNBits`: 1 computes in f32, 4 rounds what enters to 8 bits. */
  readonly accuracyLevel: number
  /** Whether rows of compressed tables are looked up by `GatherBlockQuantized`, which not every build of ONNX Runtime has. */
  readonly gatherBlocks: boolean
  /** Whether 8-bit matrices with a scale a row are multiplied with activations in 8 bits (W8A8). */
  readonly integerProducts: boolean
  /** Activations that were rounded to 8 bits, by the value that they were. */
  readonly rounded: Map<string, RoundedInput>
}

/** Codes around 128, u8 `[batch, tokens, width]`, and the scale of each token, f32 `[batch, tokens, 1]`. */
export interface RoundedInput {
  readonly codes: string
  readonly scale: string
}

/** How a weight was stored: what the model file's metadata say, so that it can be read again. */
export interface FormRecord {
  readonly kind: string
  readonly [key: string]: Json
}

/** A stored tensor by name. @throws FormatError `missing` */
export type Take = (name: string) => Promise<Tensor>

/** How something lies in a model file. */
export interface StoredForm {
  /** For people; undefined for plain numbers, which are of their own type. */
  encoding?(record: FormRecord): string
  /** Names of the stored tensors that it is made of. */
  parts(record: FormRecord): readonly string[]
  /** Whether everything that belongs to a row lies in one row of each of its parts. */
  byRows?(record: FormRecord): boolean
  /** The numbers, of the type that they have, where it is made of nothing else. */
  numbers?(record: FormRecord, take: Take): Promise<Tensor>
}

/** One representation of a matrix in ONNX: how `y = x Wᵀ` is computed, and how the weight is read back from what was stored for it. */
export interface WeightForm extends StoredForm {
  /** `x` and the result are ONNX values, f32 `[batch, tokens, width]`. @param name the stored name, the stem of the parts' */
  emit(
    context: FormContext,
    weight: Weight,
    x: string,
    name: string,
  ): { readonly y: string; readonly record: FormRecord }
  read(record: FormRecord, take: Take): Promise<Weight>
}
