import { groupCount, type Quantized } from '@sinter/tensor-core'

/** How a grid lies in the blocks of `MatMulNBits`. */
export interface NBitsLayout {
  /** 2, 4 or 8: bits of a stored code. */
  readonly stored: number
  /** Columns of a block: 16 … 256, a power of 2. */
  readonly block: number
  /** Blocks of a row; the last one may be filled up. */
  readonly blocks: number
  /** Groups of a row of the weight. */
  readonly groups: number
  /** Added to a code when it is stored: the middle of a narrower symmetric grid moves to the middle of the wider one. */
  readonly shift: number
}

const MIN_BLOCK = 16
const MAX_BLOCK = 256

/** The largest block that lies in one group each time; undefined when groups are not multiples of 16. */
function blockOf(groupSize: number, cols: number): number | undefined {
  // One group a row has its block wherever the row ends.
  if (groupSize >= cols) return Math.min(MAX_BLOCK, Math.max(MIN_BLOCK, 2 ** Math.ceil(Math.log2(cols))))
  let block = MAX_BLOCK
  while (block >= MIN_BLOCK && groupSize % block !== 0) block /= 2
  return block >= MIN_BLOCK ? block : undefined
}

/** @returns undefined where `MatMulNBits` cannot hold the numbers as they are */
export function nBitsLayout({
  shape,
  bits,
  groupSize,
  scales,
  zeroPoints,
  mins,
  zeros,
}: Omit<Quantized, 'codes'>): NBitsLayout | undefined {
  const cols = shape[1]
  const group = scales.data.length === 1 ? cols : Math.min(groupSize, cols)
  const block = blockOf(group, cols)
  const floats = scales.dtype === 'f32' || scales.dtype === 'f16'
  // A minimum becomes a float zero point −m / s. Only what was rounded to f16 can be told from it again.
  const exactMins = mins === undefined || (mins.dtype === 'f16' && floats)
  const stored = [2, 4, 8].find(width => width >= bits)!
  // ONNX Runtime's kernel for 8 bits has no float zero points.
  if (block === undefined || !floats || !exactMins || zeros !== undefined || (mins && stored === 8)) return undefined
  const symmetric = zeroPoints === undefined && mins === undefined
  return {
    stored,
    block,
    blocks: Math.ceil(cols / block),
    groups: groupCount(cols, group),
    shift: symmetric ? 2 ** (stored - 1) - 2 ** (bits - 1) : 0,
  }
}

/** For each block of a row, the group of the row that it lies in. */
export function groupsOfBlocks({ block, blocks, groups }: NBitsLayout, groupSize: number): number[] {
  return Array.from({ length: blocks }, (_, b) => Math.min(groups - 1, Math.floor((b * block) / groupSize)))
}
