import {
  f32,
  type PermutedWeight,
  permutedWeight,
  type ScaledWeight,
  type SumWeight,
  scaledWeight,
  sumWeight,
  type Weight,
} from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { form, optionalText, text } from './record-fields.ts'
import type { FormRecord, WeightForm } from './weight-form.ts'

/** What is done with the weights inside, in whatever form they are. */
type Inside = Pick<WeightForm, 'emit' | 'read' | 'parts'>

/** Each term in its own form, added from the first to the last. */
export const sum = ({ emit, read, parts }: Inside): WeightForm => ({
  encoding: () => 'sum',
  emit(context, weight, x, name) {
    const terms = (weight as SumWeight).terms.map((term, k) => emit(context, term, x, `${name}.${k}`))
    const y = terms.map(term => term.y).reduce((a, b) => context.builder.node('Add', [a, b]))
    return { y, record: { kind: 'sum', terms: terms.map(({ record }) => record) } }
  },
  parts: record => termsOf(record).flatMap(parts),
  async read(record, take) {
    const terms: Weight[] = []
    for (const term of termsOf(record)) terms.push(await read(term, take))
    return sumWeight(terms)
  },
})

function termsOf({ terms }: FormRecord): FormRecord[] {
  if (Array.isArray(terms) && terms.length <= 16) return terms.map(term => form(term, 'terms'))
  throw new FormatError('schema', 'weight form: expected at most 16 "terms"')
}

/** Scales of columns go on what enters, scales of rows on what leaves. */
export const scaled = ({ emit, read, parts }: Inside): WeightForm => ({
  encoding: () => 'scaled',
  emit(context, weight, x, name) {
    const { inner, scales } = weight as ScaledWeight
    const { builder, store } = context
    const put = (side: 'rows' | 'columns') => {
      const values = scales[side]
      return values && store.put(`${name}.${side}`, f32([values.length], values))
    }
    const [rows, columns] = [put('rows'), put('columns')]
    const { y, record } = emit(context, inner, columns ? builder.node('Mul', [x, columns]) : x, `${name}.inner`)
    return {
      y: rows ? builder.node('Mul', [y, rows]) : y,
      record: { kind: 'scaled', inner: record, ...(rows && { rows }), ...(columns && { columns }) },
    }
  },
  parts: record => [
    ...parts(form(record.inner, 'inner')),
    ...(['rows', 'columns'] as const).flatMap(side => optionalText(record, side) ?? []),
  ],
  async read(record, take) {
    const floats = async (side: 'rows' | 'columns') => {
      const name = optionalText(record, side)
      return name === undefined ? undefined : ((await take(name)).data as Float32Array)
    }
    const [rows, columns] = [await floats('rows'), await floats('columns')]
    const inner = await read(form(record.inner, 'inner'), take)
    return scaledWeight(inner, { ...(rows && { rows }), ...(columns && { columns }) })
  },
})

/** What enters is put into the order of the columns. */
export const permuted = ({ emit, read, parts }: Inside): WeightForm => ({
  encoding: () => 'permuted',
  emit(context, weight, x, name) {
    const { inner, order } = weight as PermutedWeight
    const { builder, store } = context
    const stored = store.put(`${name}.order`, { dtype: 'i32', shape: [order.length], data: order })
    const { y, record } = emit(context, inner, builder.node('Gather', [x, stored], { axis: 2n }), `${name}.inner`)
    return { y, record: { kind: 'permuted', inner: record, order: stored } }
  },
  parts: record => [...parts(form(record.inner, 'inner')), text(record, 'order')],
  async read(record, take) {
    const order = (await take(text(record, 'order'))).data as Int32Array
    return permutedWeight(await read(form(record.inner, 'inner'), take), order)
  },
})
