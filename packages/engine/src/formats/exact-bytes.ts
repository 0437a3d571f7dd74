import { blockGrids, packMXFP4, packQ4_0, packQ4_1, packQ5_0, packQ5_1, packQ8_0, packSuperBlocks } from '@sinter/model'
import {
  type CodebookWeight,
  type FloatGridWeight,
  isCodebook,
  isFloatGrid,
  isQuantized,
  isTwoLevel,
  type Quantized,
  type Tensor,
  type TwoLevel,
  type TwoLevelWeight,
  unpackBits,
  unpackHighFirst,
  type Weight,
} from '@sinter/tensor-core'

type Pack = (q: Quantized, rows: readonly number[]) => Uint8Array

/** Encodings of 32-blocks that can hold codes of ours as they are: one line each. */
const packings: Readonly<Record<string, Pack>> = {
  Q4_0: (q, rows) => packQ4_0(codesOf(q, rows), halves(q, q.scales, rows)),
  Q4_1: (q, rows) => packQ4_1(codesOf(q, rows), halves(q, q.scales, rows), halves(q, q.mins!, rows)),
  Q5_0: (q, rows) => packQ5_0(codesOf(q, rows), halves(q, q.scales, rows)),
  Q5_1: (q, rows) => packQ5_1(codesOf(q, rows), halves(q, q.scales, rows), halves(q, q.mins!, rows)),
  Q8_0: (q, rows) =>
    packQ8_0(
      Int8Array.from(codesOf(q, rows), code => code - 128),
      halves(q, q.scales, rows),
    ),
}

type Packer = (rows: readonly number[]) => Uint8Array

/**
 * The bytes of a compressed matrix in a GGUF encoding, its own codes and scales; undefined when the encoding cannot hold them
 * (then the values are encoded anew).
 * @param rowOrder row r of the file is row `rowOrder[r]` of the weight
 */
export function exactBytes(weight: Weight, encoding: string, rowOrder?: Int32Array): Uint8Array | undefined {
  const pack = packerOf(weight, encoding)
  return pack?.(rowOrder ? [...rowOrder] : Array.from({ length: weight.shape[0] }, (_, row) => row))
}

/** Whether a GGUF encoding holds the codes and scales of a compressed matrix as they are. */
export const holdsExactly = (weight: Weight, encoding: string): boolean => packerOf(weight, encoding) !== undefined

function packerOf(weight: Weight, encoding: string): Packer | undefined {
  if (isTwoLevel(weight)) return superPacker(weight, encoding)
  if (isFloatGrid(weight)) return floatPacker(weight, encoding)
  if (isCodebook(weight)) return tablePacker(weight, encoding)
  if (isQuantized(weight) && fits(weight.quantized, encoding))
    return rows => packings[encoding]!(weight.quantized, rows)
  return undefined
}

function fits(q: Quantized, encoding: string): boolean {
  const grid = blockGrids[encoding]
  if (!grid || !packings[encoding]) return false
  const symmetric = (q.zeroPoints ?? q.mins ?? q.zeros) === undefined
  return (
    q.bits === grid.bits &&
    q.groupSize === grid.groupSize &&
    q.shape[1] % grid.groupSize === 0 &&
    q.scales.dtype === 'f16' &&
    q.scales.data.length > 1 &&
    (grid.symmetric ? symmetric : q.mins?.dtype === 'f16')
  )
}

function superPacker({ twoLevel }: TwoLevelWeight, encoding: string): Packer | undefined {
  const grid = blockGrids[encoding]
  if (!grid?.supers) return undefined
  const { bits, groupSize, superSize, scaleZero, minCodes, superMins } = twoLevel
  const same =
    bits === grid.bits &&
    groupSize === grid.groupSize &&
    superSize === grid.supers.size &&
    scaleZero === -grid.supers.least &&
    twoLevel.scaleBits === Math.log2(grid.supers.most - grid.supers.least + 1) &&
    (minCodes === undefined) === grid.symmetric
  if (!same) return undefined
  return rows => {
    const inOrder = <A extends Uint8Array | Uint16Array>(all: A): A => gathered(all, twoLevel, rows)
    return packSuperBlocks(encoding, {
      codes: inOrder(twoLevel.codes),
      scales: inOrder(twoLevel.scaleCodes),
      superScales: inOrder(twoLevel.superScales.data as Uint16Array),
      ...(minCodes && superMins && { mins: inOrder(minCodes), superMins: inOrder(superMins.data as Uint16Array) }),
    })
  }
}

/** MXFP4, whose codes and scales are those of the OCP as they are. */
function floatPacker({ grid }: FloatGridWeight, encoding: string): Packer | undefined {
  const { shape, element, block, codes, scales, globalScale } = grid
  const [, cols] = shape
  const fits =
    element === 'e2m1' &&
    block.join() === '1,32' &&
    scales.dtype === 'u8' &&
    globalScale === undefined &&
    cols % 32 === 0
  if (encoding !== 'MXFP4' || !fits) return undefined
  return rows =>
    packMXFP4(
      gathered(unpackBits(codes, 4, shape[0] * cols), grid, rows),
      gathered(scales.data as Uint8Array, grid, rows),
    )
}

/** IQ4_NL, which lies in memory as Q4_0 does. */
function tablePacker({ codebook }: CodebookWeight, encoding: string): Packer | undefined {
  const { shape, bits, blockSize, levels, packed, scales } = codebook
  const wanted = blockGrids[encoding]?.levels
  const same =
    encoding === 'IQ4_NL' && levels.length === wanted?.length && levels.every((level, i) => level === wanted[i])
  if (!same || bits !== 4 || blockSize !== 32 || shape[1] % 32 !== 0 || !(scales instanceof Uint16Array))
    return undefined
  return rows => {
    const codes = new Uint8Array(shape[0] * shape[1])
    unpackHighFirst(packed, 4, 0, codes.length, codes)
    return packQ4_0(gathered(codes, codebook, rows), gathered(scales, codebook, rows))
  }
}

/** Rows in order of what has so many numbers a row. */
function gathered<A extends Uint8Array | Uint16Array>(
  all: A,
  { shape }: Pick<TwoLevel, 'shape'>,
  rows: readonly number[],
): A {
  const width = all.length / shape[0]
  const out = all.slice()
  for (const [i, row] of rows.entries()) out.set(all.subarray(row * width, (row + 1) * width), i * width)
  return out as A
}

const codesOf = (q: Quantized, rows: readonly number[]): Uint8Array => gathered(q.codes, q, rows)

/** Raw f16 values of every group. */
const halves = (q: Quantized, { data }: Tensor, rows: readonly number[]): Uint16Array =>
  gathered(data as Uint16Array, q, rows)
