import { f32, type Tensor } from '../tensor.ts'
import { checkPacked } from './bit-pack.ts'
import {
  type BlockScales,
  checkScales,
  scaleBits,
  scaleKind,
  scaleParts,
  scaleValues,
  takeScales,
} from './block-scales.ts'
import { codebookInputs, emitCodebook } from './codebook-emit.ts'
import { unpackHighFirst } from './high-first.ts'
import { bytesTensor, MAX_DIM, takeBytes, takeInt, takePart, takeShape } from './parts.ts'
import { denseOf, type Weight, type WeightAttributes } from './weight.ts'

/**
 * A matrix whose codes are places in a table: `w = levels[code] · scale`. Blocks that share a scale run over the rows one after
 * another, whatever their length, so that one may begin in a row and end in the next.
 */
export interface Codebook {
  readonly shape: readonly [number, number]
  /** 1 to 8 */
  readonly bits: number
  /** The value of each code, `[2^bits]`. */
  readonly levels: Float32Array
  /** Values that share a scale; the last block is shorter when it does not divide `out · in`. */
  readonly blockSize: number
  /** Codes as `packHighFirst` gives them, row after row. */
  readonly packed: Uint8Array
  readonly scales: BlockScales
}

export interface CodebookWeight extends Weight {
  readonly kind: 'codebook'
  readonly codebook: Codebook
}

export const isCodebook = (weight: Weight): weight is CodebookWeight => weight.kind === 'codebook'

/** @throws TypeError when arrays, shape and block size disagree, RangeError when there are too few or too many codes */
export function codebookWeight(codebook: Codebook): CodebookWeight {
  check(codebook)
  const { shape, bits, levels, blockSize, packed, scales } = codebook
  const [rows, cols] = shape
  const weight: CodebookWeight = {
    kind: 'codebook',
    shape,
    codebook,
    dense: () => denseOf(weight),
    denseRows: (start, end, out) => decode(codebook, start * cols, end * cols, out),
    // A copy of the table, which others share: whoever stores the parts may free their memory.
    parts: () => ({ codes: bytesTensor(packed), levels: f32([levels.length], levels.slice()), ...scaleParts(scales) }),
    attributes: () => ({ rows, cols, bits, blockSize, scales: scaleKind(scales) }),
    bits: () => ({
      values: rows * cols * bits + 32 * levels.length,
      scales: scaleBits(scales),
      zeroPoints: 0,
      indices: 0,
    }),
    emit: (x, name) => emitCodebook(weight, x, name),
    inputs: name => codebookInputs(weight, name),
  }
  return weight
}

function check({ shape: [rows, cols], bits, levels, blockSize, packed, scales }: Codebook): void {
  checkPacked(packed, bits, rows * cols)
  if (levels.length !== 2 ** bits)
    throw new TypeError(`codebook weight: expected ${2 ** bits} levels for ${bits} bits, got ${levels.length}`)
  if (!Number.isInteger(blockSize) || blockSize < 1)
    throw new TypeError(`codebook weight: expected a block size of at least 1, got ${blockSize}`)
  checkScales(scales, Math.ceil((rows * cols) / blockSize))
}

/** Codes that are unpacked at a time: they stay in the cache. */
const PIECE = 4096

/** Values `from … to − 1` of the rows laid end to end. */
function decode(
  { bits, levels, blockSize, packed, scales }: Codebook,
  from: number,
  to: number,
  out: Float32Array,
): void {
  const first = Math.floor(from / blockSize)
  const factors = scaleValues(scales, first, Math.ceil(to / blockSize))
  const codes = new Uint8Array(Math.min(blockSize, PIECE))
  for (let at = from, count = 0; at < to; at += count) {
    const block = Math.floor(at / blockSize)
    count = Math.min((block + 1) * blockSize, at + PIECE, to) - at
    unpackHighFirst(packed, bits, at, count, codes)
    lookUp(codes, count, levels, factors[block - first]!, out, at - from)
  }
}

function lookUp(
  codes: Uint8Array,
  count: number,
  levels: Float32Array,
  scale: number,
  out: Float32Array,
  to: number,
): void {
  for (let k = 0; k < count; k++) out[to + k] = levels[codes[k]!]! * scale
}

export function decodeCodebook(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): CodebookWeight {
  return codebookWeight({
    shape: takeShape(attributes),
    bits: takeInt(attributes, 'bits', 1, 8),
    levels: takePart(parts, 'levels', 'f32').data as Float32Array,
    blockSize: takeInt(attributes, 'blockSize', 1, MAX_DIM),
    packed: takeBytes(parts, 'codes'),
    scales: takeScales(attributes.scales, parts),
  })
}
