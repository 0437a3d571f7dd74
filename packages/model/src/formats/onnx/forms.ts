import type { Weight } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { bnb4, isBnb4 } from './bnb4.ts'
import { permuted, scaled, sum } from './combined-forms.ts'
import { dense } from './dense-form.ts'
import { emitted } from './emitted-form.ts'
import { fitsNBits, nBits } from './n-bits.ts'
import { isRowwise, w8a8 } from './w8a8.ts'
import type { FormContext, FormRecord, Take, WeightForm } from './weight-form.ts'

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
  sum: () => sum(emitForm, readForm),
  scaled: () => scaled(emitForm, readForm),
  permuted: () => permuted(emitForm, readForm),
}

/** The same by the record's kind, for reading. */
const readers: Readonly<Record<string, () => WeightForm>> = {
  dense: () => dense,
  nBits: () => nBits,
  w8a8: () => w8a8,
  bnb4: () => bnb4,
  emitted: () => emitted,
  sum: () => sum(emitForm, readForm),
  scaled: () => scaled(emitForm, readForm),
  permuted: () => permuted(emitForm, readForm),
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

/** Sums of sums of sums: no method nests deeper than two or three. */
const MAX_DEPTH = 8

/** @throws FormatError `schema` for a kind that this version does not know, or nesting without end */
export async function readForm(record: FormRecord, take: Take, depth = 0): Promise<Weight> {
  if (depth > MAX_DEPTH)
    throw new FormatError('limit', `a weight of more than ${MAX_DEPTH} representations in one another`)
  const form = Object.hasOwn(readers, record.kind) ? readers[record.kind]!() : undefined
  if (!form)
    throw new FormatError(
      'schema',
      `weight form ${JSON.stringify(record.kind)}; known: ${Object.keys(readers).join(', ')}`,
    )
  return form.read(record, take)
}
