/** Writes codes that somebody else chose into ggml's super-blocks of 256: nothing is rounded again. */
import { packQ2, packQ3, packQ4, packQ5, packQ6 } from './blocks/k-pack.ts'
import { putPair } from './blocks/k-scales.ts'

/** Whole super-blocks, row-major. */
export interface SuperBlockCodes {
  /** One code a value, from 0. */
  readonly codes: Uint8Array
  /** One a sub-block, as the type stores them: from 0, so that 32 (Q3_K) or 128 (Q6_K) means a scale of 0. */
  readonly scales: Uint8Array
  /** Raw f16 bits, one a super-block. */
  readonly superScales: Uint16Array
  /** Of Q2_K, Q4_K and Q5_K. */
  readonly mins?: Uint8Array
  readonly superMins?: Uint16Array
}

interface Layout {
  readonly name: string
  readonly bytes: number
  readonly subBlock: 16 | 32
  readonly mostCode: number
  readonly mostScale: number
  readonly mins: boolean
  /** Fills the block at `out[at]` with super-block b. */
  readonly put: (block: SuperBlockCodes, b: number, out: Uint8Array, at: number) => void
}

const layouts: readonly Layout[] = [
  { name: 'Q2_K', bytes: 84, subBlock: 16, mostCode: 3, mostScale: 15, mins: true, put: putQ2_K },
  { name: 'Q3_K', bytes: 110, subBlock: 16, mostCode: 7, mostScale: 63, mins: false, put: putQ3_K },
  { name: 'Q4_K', bytes: 144, subBlock: 32, mostCode: 15, mostScale: 63, mins: true, put: putQ4_K },
  { name: 'Q5_K', bytes: 176, subBlock: 32, mostCode: 31, mostScale: 63, mins: true, put: putQ5_K },
  { name: 'Q6_K', bytes: 210, subBlock: 16, mostCode: 63, mostScale: 255, mins: false, put: putQ6_K },
]

/**
 * The bytes of a K-quant.
 * @param name `Q2_K` … `Q6_K`
 * @throws TypeError for another name, RangeError when counts do not agree or a code is out of range
 */
export function packSuperBlocks(name: string, block: SuperBlockCodes): Uint8Array {
  const layout = layouts.find(candidate => candidate.name === name)
  if (!layout) throw new TypeError(`${name} is none of ${layouts.map(l => l.name).join(', ')}`)
  check(layout, block)
  const count = block.superScales.length
  const out = new Uint8Array(count * layout.bytes)
  for (let b = 0; b < count; b++) layout.put(block, b, out, b * layout.bytes)
  return out
}

function check({ name, subBlock, mostCode, mostScale, mins }: Layout, block: SuperBlockCodes): void {
  const supers = block.superScales.length
  const expect = (what: string, expected: number, got: number) => {
    if (got !== expected)
      throw new RangeError(`${name}: expected ${expected} ${what} for ${supers} super-blocks, got ${got}`)
  }
  const subBlocks = (supers * 256) / subBlock
  expect('codes', supers * 256, block.codes.length)
  expect('scales', subBlocks, block.scales.length)
  expect('minimums', mins ? subBlocks : 0, block.mins?.length ?? 0)
  expect('scales of minimums', mins ? supers : 0, block.superMins?.length ?? 0)
  const inRange = (what: string, codes: Uint8Array, most: number) => {
    const at = codes.findIndex(code => code > most)
    if (at >= 0) throw new RangeError(`${name}: expected ${what} 0 … ${most}, got ${codes[at]} at ${at}`)
  }
  inRange('codes', block.codes, mostCode)
  inRange('scales', block.scales, mostScale)
  if (block.mins) inRange('minimums', block.mins, mostScale)
}

function putU16(out: Uint8Array, at: number, value: number): void {
  out[at] = value
  out[at + 1] = value >>> 8
}

function putQ2_K(
  { codes, scales, mins, superScales, superMins }: SuperBlockCodes,
  b: number,
  out: Uint8Array,
  at: number,
) {
  for (let j = 0; j < 16; j++) out[at + j] = scales[16 * b + j]! | (mins![16 * b + j]! << 4)
  packQ2(codes, 256 * b, out, at)
  putU16(out, at + 80, superScales[b]!)
  putU16(out, at + 82, superMins![b]!)
}

function putQ3_K({ codes, scales, superScales }: SuperBlockCodes, b: number, out: Uint8Array, at: number) {
  packQ3(codes, 256 * b, out, at)
  for (let j = 0; j < 16; j++) {
    const scale = scales[16 * b + j]!
    out[at + 96 + (j & 7)]! |= (scale & 15) << (j < 8 ? 0 : 4)
    out[at + 104 + (j & 3)]! |= (scale >> 4) << (2 * (j >> 2))
  }
  putU16(out, at + 108, superScales[b]!)
}

function putPairs({ scales, mins }: SuperBlockCodes, b: number, out: Uint8Array, at: number): void {
  for (let j = 0; j < 8; j++) putPair(scales[8 * b + j]!, mins![8 * b + j]!, j, out, at)
}

function putQ4_K(block: SuperBlockCodes, b: number, out: Uint8Array, at: number) {
  putU16(out, at, block.superScales[b]!)
  putU16(out, at + 2, block.superMins![b]!)
  putPairs(block, b, out, at + 4)
  packQ4(block.codes, 256 * b, out, at)
}

function putQ5_K(block: SuperBlockCodes, b: number, out: Uint8Array, at: number) {
  putU16(out, at, block.superScales[b]!)
  putU16(out, at + 2, block.superMins![b]!)
  putPairs(block, b, out, at + 4)
  packQ5(block.codes, 256 * b, out, at)
}

function putQ6_K({ codes, scales, superScales }: SuperBlockCodes, b: number, out: Uint8Array, at: number) {
  packQ6(codes, 256 * b, out, at)
  for (let j = 0; j < 16; j++) out[at + 192 + j] = scales[16 * b + j]! - 128
  putU16(out, at + 208, superScales[b]!)
}
