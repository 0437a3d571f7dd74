import { encodings } from '@sinter/model'
import { groupBy } from '../group-by.ts'
import type { ConversionRow } from './conversion.ts'

/** Bits of the significand and of the exponent that a plain number has. */
const floats: Readonly<Record<string, readonly [significand: number, exponent: number]>> = {
  F64: [52, 11],
  F32: [23, 8],
  F16: [10, 5],
  BF16: [7, 8],
}

/** What happens to numbers on the way from one encoding to another. */
export type Loss = 'nothing' | 'rounded' | 'rounded again'

/** Blocks decode to f32 exactly: that is the value which inference uses. */
export function lossOf(stored: string, to: string): Loss {
  const from = valueTypeOf(stored)
  if (from === to) return 'nothing'
  const target = floats[to]
  const source = floats[from] ?? (isPlain(from) ? undefined : floats.F32)
  const blocks = !isPlain(from)
  if (!target) return blocks ? 'rounded again' : 'rounded'
  const fits = source !== undefined && source[0] <= target[0] && source[1] <= target[1]
  return fits ? 'nothing' : blocks ? 'rounded again' : 'rounded'
}

/** A sparse matrix (`BF16 2:4`) holds plain numbers; where they are is no loss. */
const valueTypeOf = (encoding: string): string => encoding.replace(/ (bitmask|\d:\d)$/, '')

/** What is no encoding of ggml is a compressed form of a folder. */
const isPlain = (name: string): boolean =>
  name in floats || encodings.some(encoding => encoding.name === name && encoding.dtype !== undefined)

/** What is lost, a line for each way. */
export function describeLosses(rows: readonly ConversionRow[]): string[] {
  const lossy = rows.filter(({ from, to, kept }) => !kept && lossOf(from, to) !== 'nothing')
  return [...groupBy(lossy, ({ from, to }) => `${from} ${to}`).values()].map(group => {
    const { from, to } = group[0]!
    const tensors = group.length === 1 ? '1 tensor' : `${group.length} tensors`
    const again = lossOf(from, to) === 'rounded again'
    return `${tensors} of ${from} ${group.length === 1 ? 'is' : 'are'} rounded ${again ? 'a second time, ' : ''}to ${to}${consequence(from, to, again)}`
  })
}

function consequence(from: string, to: string, again: boolean): string {
  if (again) return ': further from the original than if that were converted'
  if (to === 'F16' && from !== 'F16') return ': beyond 65504 is infinite, below 6e-8 is zero'
  return ''
}
