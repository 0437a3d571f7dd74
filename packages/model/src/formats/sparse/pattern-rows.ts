import { FormatError } from '../format-error.ts'
import type { RawBits } from './raw-bits.ts'

/** At most `kept` of every `of` consecutive elements of a row are not zero: 2:4 is `{ kept: 2, of: 4 }`. */
export interface KeptPattern {
  readonly kept: number
  readonly of: number
}

/** A group's mask is one byte. */
export const MAX_GROUP = 8

/** Which masks of `of` bits have `kept` ones, and the way back from a mask to its number. */
interface Masks {
  /** Increasing: the code of a group is the number of its mask here. Bit j of a mask is element j. */
  readonly byCode: Uint8Array
  readonly codeOf: Uint8Array
  /** Mask → a mask with exactly `kept` ones: the first zeros are kept where there are too few other elements. */
  readonly filled: Uint8Array
  readonly bits: number
}

const tables = new Map<string, Masks>()

function masksOf({ kept, of }: KeptPattern): Masks {
  const key = `${kept}:${of}`
  const known = tables.get(key)
  if (known) return known
  const all = Array.from({ length: 1 << of }, (_, mask) => mask)
  const byCode = Uint8Array.from(all.filter(mask => ones(mask) === kept))
  const codeOf = new Uint8Array(1 << of)
  for (const [code, mask] of byCode.entries()) codeOf[mask] = code
  const filled = Uint8Array.from(all, mask => fill(mask, kept))
  const made = { byCode, codeOf, filled, bits: Math.ceil(Math.log2(byCode.length)) }
  tables.set(key, made)
  return made
}

function ones(mask: number): number {
  let count = 0
  for (let rest = mask; rest > 0; rest >>= 1) count += rest & 1
  return count
}

function fill(mask: number, kept: number): number {
  let full = mask
  for (let j = 0; ones(full) < kept; j++) full |= 1 << j
  return full
}

/** Bits of a group's code: ⌈log2 C(of, kept)⌉, three for 2:4. */
const codeBits = (pattern: KeptPattern): number => masksOf(pattern).bits

/** Bytes of the codes of a row; every row begins at a byte. */
export const patternRowBytes = (cols: number, pattern: KeptPattern): number =>
  Math.ceil(((cols / pattern.of) * codeBits(pattern)) / 8)

/** Values of a row that are stored. */
export const keptPerRow = (cols: number, { kept, of }: KeptPattern): number => (cols / of) * kept

/**
 * Stores rows whose groups have no more than `kept` elements that are not zero.
 * @param bits `[rows, cols]`, cols a multiple of `of`
 * @param values where the kept elements go, `[rows, cols / of · kept]`
 * @param index where the codes go, `[rows, patternRowBytes]`, zeros: code k of a row from its bit k·codeBits on, low bits first
 */
export function packPatternRows(
  bits: RawBits,
  cols: number,
  pattern: KeptPattern,
  values: RawBits,
  index: Uint8Array,
): void {
  const { filled, codeOf, bits: width } = masksOf(pattern)
  const { of } = pattern
  const rowBytes = patternRowBytes(cols, pattern)
  let v = 0
  for (let k = 0, row = 0; k < bits.length; row++) {
    let word = 0
    let held = 0
    let at = row * rowBytes
    for (const end = k + cols; k < end; k += of) {
      let mask = 0
      for (let j = 0; j < of; j++) if (bits[k + j] !== 0) mask |= 1 << j
      mask = filled[mask]!
      for (let j = 0; j < of; j++) if (mask & (1 << j)) values[v++] = bits[k + j]!
      word |= codeOf[mask]! << held
      held += width
      if (held >= 8) {
        index[at++] = word & 255
        word >>>= 8
        held -= 8
      }
    }
    if (held > 0) index[at] = word
  }
}

/**
 * The inverse of `packPatternRows`.
 * @param out `[rows, cols]`, zeros
 * @throws FormatError `schema` for a code that no mask has, or bits behind the last code
 */
export function expandPatternRows(
  values: RawBits,
  index: Uint8Array,
  cols: number,
  pattern: KeptPattern,
  out: RawBits,
  where: string,
): void {
  const { byCode, bits: width } = masksOf(pattern)
  const { of } = pattern
  const rowBytes = patternRowBytes(cols, pattern)
  const low = (1 << width) - 1
  let v = 0
  for (let k = 0, row = 0; k < out.length; row++) {
    let word = 0
    let held = 0
    let at = row * rowBytes
    for (const end = k + cols; k < end; k += of) {
      if (held < width) {
        word |= index[at++]! << held
        held += 8
      }
      const code = word & low
      const mask = byCode[code]
      if (mask === undefined)
        throw new FormatError('schema', `${where}: code ${code} of a group; expected 0 … ${byCode.length - 1}`)
      for (let j = 0; j < of; j++) if (mask & (1 << j)) out[k + j] = values[v++]!
      word >>>= width
      held -= width
    }
    if (word !== 0) throw new FormatError('schema', `${where}: row ${row}: expected zeros behind the last code`)
  }
}
