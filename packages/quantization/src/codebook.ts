import { type CodebookWeight, codebookWeight, packHighFirst, SCALE_BLOCK, type TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { blockCodes, quantizedScales } from './block-codes.ts'
import type { LevelSearch } from './level-search.ts'

/** A table of 16 levels between −1 and 1. */
export interface LevelTable {
  /** By code. */
  readonly levels: Float32Array
  readonly search: LevelSearch
}

export interface CodebookOptions {
  /** Values that share a scale. */
  readonly blockSize: number
  /** Store scales in 8 bits. */
  readonly doubleQuant: boolean
}

export const codebookDefaults: CodebookOptions = { blockSize: 64, doubleQuant: true }

/** Options of the methods that round to a table. */
export const codebookFields: {
  readonly blockSize: z.ZodDefault<z.ZodInt>
  readonly doubleQuant: z.ZodDefault<z.ZodBoolean>
} = {
  blockSize: z
    .int()
    .min(1)
    .max(2 ** 24)
    .default(codebookDefaults.blockSize)
    .describe(
      'Consecutive weights that share a scale. Rows are laid end to end: a block may begin in one and end in the next.',
    ),
  doubleQuant: z
    .boolean()
    .default(codebookDefaults.doubleQuant)
    .describe('Store the scales in 8 bits, with a scale of their own for every 256.'),
}

const BITS = 4

/** Rounds to the levels of a table, scaled to the largest |w| of each block. @param weight f32 `[out, in]`, finite */
export function roundToTable(
  { shape, data }: TensorF32,
  { levels, search }: LevelTable,
  options: Partial<CodebookOptions>,
): CodebookWeight {
  const { blockSize, doubleQuant } = { ...codebookDefaults, ...options }
  const { codes, absmax } = blockCodes(data, blockSize, search)
  return codebookWeight({
    shape: shape as [number, number],
    bits: BITS,
    levels,
    blockSize,
    packed: packHighFirst(codes, BITS),
    scales: doubleQuant ? quantizedScales(absmax) : absmax,
  })
}

/** Stored bits a weight: code, scales and the table. Blocks of 64 in a large matrix: 4.5, with scales in 8 bits 4.127. */
export function codebookBits([rows, cols]: readonly [number, number], options: CodebookOptions): number {
  const count = rows * cols
  const blocks = Math.ceil(count / options.blockSize)
  const scales = options.doubleQuant ? 8 * blocks + 32 * (Math.ceil(blocks / SCALE_BLOCK) + 1) : 32 * blocks
  return BITS + (scales + 32 * 2 ** BITS) / count
}
