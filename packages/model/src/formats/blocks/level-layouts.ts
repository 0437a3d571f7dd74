import {
  bits,
  byteLanes,
  bytes,
  bytesMore,
  type Code,
  get,
  loadEach,
  lookUp,
  multiplyShorts,
  shortLanes,
  shuffle,
} from '@sinter/tensor-core/wasm'
import { f16At } from '../half.ts'
import type { GridsOf } from './decode-grids.ts'
import { type DecodeRows, kernelDecoder } from './decoders.ts'
import { at, moved, nibbles32, ownBit, twoBits } from './expand-simd.ts'
import { decodeMXFP4, decodeNVFP4, e2m1Levels, e8m0Half, ue4m3Half } from './float-4.ts'
import { decodeIQ4_NL, decodeIQ4_XS, iq4Scale } from './iq4.ts'
import { iq4Levels } from './iq4-levels.ts'
import { decodeQ1_0, decodeQ2_0, decodeTQ1_0, decodeTQ2_0 } from './ternary.ts'

/** How the codes of IQ4, the floats of four bits and the blocks of one and two bits lie, for the kernel that expands them. */

const small = { blockSize: 32, length: 32, zero: 0 } as const
const whole = { blockSize: 256, length: 256, zero: 1 } as const

const iq4 = (index: Code): Code => lookUp(byteLanes(...iq4Levels), index)
const e2m1 = (index: Code): Code => lookUp(byteLanes(...e2m1Levels), index)

/** Eight values in the lower nibbles of eight bytes, eight in the upper. */
function nibbles16(source: Code): Code {
  const pick = [...Array.from({ length: 8 }, (_, i) => i), ...Array.from({ length: 8 }, (_, i) => 16 + i)]
  return shuffle(moved(source, 0, 4, 0), moved(source, 4, 4, 0), pick)
}

/** Two bits of four neighbours in a byte: each is compared where it lies. */
function neighbours(block: number, v: number): Code {
  const each: Code = [get(block), loadEach(2 + 4 * v)]
  const pick = Array.from({ length: 16 }, (_, i) => i >> 2)
  const field = bits.and(shuffle(each, each, pick), byteLanes(3, 12, 48, 192))
  const above = (level: number): Code => bytesMore(field, byteLanes(...[1, 4, 16, 64].map(one => level * one)))
  return bytes.subtract(bytes.subtract(bytes.subtract(byteLanes(0), above(0)), above(1)), above(2))
}

/** Five trits in a byte: 3ⁿ times it, modulo 256, has the wanted one as its thirds. */
function trits(block: number, v: number): Code {
  const [source, powers] = tritsAt(block, v)
  const low = bits.and(multiplyShorts(bits.and(source, shortLanes(255)), powers), shortLanes(255))
  const high = bytes.leftShorts(multiplyShorts(bytes.rightShorts(source, 8), powers), 8)
  const rest = bits.or(low, high)
  return bytes.subtract(bytes.subtract(byteLanes(0), bytesMore(rest, byteLanes(85))), bytesMore(rest, byteLanes(170)))
}

function tritsAt(block: number, v: number): readonly [Code, Code] {
  if (v === 15) return [[get(block), loadEach(48)], shortLanes(1, 1, 3, 3, 9, 9, 27, 27)]
  if (v >= 10) return [at(block, 32), shortLanes(3 ** (v - 10))]
  return [at(block, 16 * (v & 1)), shortLanes(3 ** (v >> 1))]
}

const scaleAt =
  (offset: number): GridsOf =>
  (source, from, steps, _mins, to) => {
    steps[to] = f16At(source, from + offset)
  }

export const levelDecoders: Readonly<
  Record<'IQ4_NL' | 'IQ4_XS' | 'MXFP4' | 'NVFP4' | 'TQ1_0' | 'TQ2_0' | 'Q1_0' | 'Q2_0', DecodeRows>
> = {
  IQ4_NL: kernelDecoder(
    { ...small, halves: 'scale', blockBytes: 18, codes: (block, v) => iq4(nibbles32(2)(block, v)) },
    decodeIQ4_NL,
  ),
  IQ4_XS: kernelDecoder(
    {
      ...{ blockSize: 256, length: 32, blockBytes: 136, zero: 0 },
      codes: (block, v) => iq4(moved(at(block, 8 + 16 * (v >> 1)), 4 * (v & 1), 4, 0)),
    },
    decodeIQ4_XS,
    (source, from, steps, _mins, to) => {
      const d = f16At(source, from)
      for (let b = 0; b < 8; b++) steps[to + b] = d * iq4Scale(source, from, b)
    },
  ),
  MXFP4: kernelDecoder(
    { ...small, blockBytes: 17, codes: (block, v) => e2m1(nibbles32(1)(block, v)) },
    decodeMXFP4,
    (source, from, steps, _mins, to) => {
      steps[to] = e8m0Half(source[from]!)
    },
  ),
  NVFP4: kernelDecoder(
    {
      ...{ blockSize: 64, length: 16, blockBytes: 36, zero: 0 },
      codes: (block, v) => e2m1(nibbles16(at(block, 4 + 8 * v))),
    },
    decodeNVFP4,
    (source, from, steps, _mins, to) => {
      for (let s = 0; s < 4; s++) steps[to + s] = ue4m3Half(source[from + s]!)
    },
  ),
  TQ1_0: kernelDecoder({ ...whole, blockBytes: 54, codes: trits }, decodeTQ1_0, scaleAt(52)),
  TQ2_0: kernelDecoder(
    { ...whole, blockBytes: 66, codes: (block, v) => twoBits(0, block, v) },
    decodeTQ2_0,
    scaleAt(64),
  ),
  Q1_0: kernelDecoder(
    {
      ...{ blockSize: 128, length: 128, blockBytes: 18, zero: 0, halves: 'scale' },
      codes: (block, v) => bits.or(bits.not(ownBit(at(block, 2), 2 * v)), byteLanes(1)),
    },
    decodeQ1_0,
  ),
  Q2_0: kernelDecoder(
    { ...{ blockSize: 64, length: 64, blockBytes: 18, zero: 1, halves: 'scale' }, codes: neighbours },
    decodeQ2_0,
  ),
}
