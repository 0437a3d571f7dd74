import type { Weight } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { bnb4, isBnb4 } from './bnb4.ts'
import { permuted, scaled, sum } from './combined-forms.ts'
import { dense, plain } from './dense-form.ts'
import { emitted } from './emitted-form.ts'
import { fitsNBits, nBits } from './n-bits.ts'
import { isRowwise, w8a8 } from './w8a8.ts'
import type { FormContext, FormRecord, StoredForm, Take, WeightForm } from './weight-form.ts'

/**
 * How a representation is stored, by `weight.kind`: one line each, and nothing else asks. A kind without a line emits itself in
 * ordinary operations.
 */
const forms: Readonly<Record<string, (weight: Weight, context: FormContext) => WeightForm>> = {
  dense: () => dense,
  // Zeros cost nothing less here: ONNX Runtime has no product with a sparse matrix.
  sparse: () => dense,
  quantized: (weight, { integerProducts }) =>
    integerProducts && isRowwise(weight) ? w8a8 : fitsNBits(weight) ? nBits : emitted,
  codebook: weight => (isBnb4(weight) ? bnb4 : emitted),
  sum: () => ofSum,
  scaled: () => ofScaled,
  permuted: () => ofPermuted,
}

const inside = { emit: emitForm, read: readForm, parts: partsOf }
const [ofSum, ofScaled, ofPermuted] = [sum(inside), scaled(inside), permuted(inside)]

/** The same by the record's kind, for reading. */
const stored: Readonly<Record<string, StoredForm & Partial<Pick<WeightForm, 'read'>>>> = {
  plain,
  dense,
  nBits,
  w8a8,
  bnb4,
  emitted,
  sum: ofSum,
  scaled: ofScaled,
  permuted: ofPermuted,
}

/** Emits `y = x Wᵀ`. */
export function emitForm(
  context: FormContext,
  weight: Weight,
  x: string,
  name: string,
): { readonly y: string; readonly record: FormRecord } {
  const form = Object.hasOwn(forms, weight.kind) ? forms[weight.kind]!(weight, context) : emitted
  return form.emit(context, weight, x, name)
}

/** @throws FormatError `schema` for a kind that this version does not know */
export function formOf(record: FormRecord): (typeof stored)[string] {
  if (Object.hasOwn(stored, record.kind)) return stored[record.kind]!
  throw new FormatError(
    'schema',
    `weight form ${JSON.stringify(record.kind)}; known: ${Object.keys(stored).join(', ')}`,
  )
}

/** @throws FormatError as `formOf` does, and for parts that do not fit */
export async function readForm(record: FormRecord, take: Take): Promise<Weight> {
  const { read } = formOf(record)
  if (read) return read(record, take)
  throw new FormatError('schema', `weight form ${JSON.stringify(record.kind)} is none of a matrix`)
}

/** Names of the stored tensors that a form is made of. @throws FormatError as `formOf` does */
export function partsOf(record: FormRecord): readonly string[] {
  return formOf(record).parts(record)
}
