import { z } from 'zod'

/** Options that say what the grid is, shared by every method that ends on one. */
export const gridFields: {
  readonly bits: z.ZodDefault<z.ZodInt>
  readonly groupSize: z.ZodDefault<z.ZodInt>
  readonly symmetric: z.ZodDefault<z.ZodBoolean>
  readonly symmetricRange: z.ZodDefault<z.ZodEnum<{ full: 'full'; restricted: 'restricted'; signed: 'signed' }>>
  readonly zero: z.ZodDefault<z.ZodEnum<{ integer: 'integer'; min: 'min' }>>
  readonly scaleDType: z.ZodDefault<z.ZodEnum<{ f16: 'f16'; bf16: 'bf16'; f32: 'f32' }>>
} = {
  bits: z.int().min(2).max(8).default(4).describe('Bits of a code.'),
  groupSize: z
    .int()
    .min(-1)
    .default(64)
    .describe(
      'Consecutive inputs of a row that share a scale; -1: the whole row; 0: the whole matrix. ' +
        'If it does not divide the number of inputs, the last group of each row is shorter.',
    ),
  symmetric: z.boolean().default(true).describe('Fix the zero point in the middle of the codes, and do not store it.'),
  symmetricRange: z
    .enum(['full', 'restricted', 'signed'])
    .default('signed')
    .describe(
      'Where the largest |w| of a symmetric group lies, at 4 bits: full ±7.5, restricted ±7, signed exactly −8 (as Q4_0 has it).',
    ),
  zero: z
    .enum(['integer', 'min'])
    .default('integer')
    .describe('Asymmetric form: s·(q − z) with a whole z, or s·q + m with a float m (as Q4_1 has it).'),
  scaleDType: z.enum(['f16', 'bf16', 'f32']).default('f16').describe('Type in which scales and minimums are stored.'),
}

/** What `gridFields` give. */
export interface GridOptions {
  readonly bits: number
  readonly groupSize: number
  readonly symmetric: boolean
  readonly symmetricRange: 'full' | 'restricted' | 'signed'
  readonly zero: 'integer' | 'min'
  readonly scaleDType: 'f16' | 'bf16' | 'f32'
}

export const gridDefaults: GridOptions = {
  bits: 4,
  groupSize: 64,
  symmetric: true,
  symmetricRange: 'signed',
  zero: 'integer',
  scaleDType: 'f16',
}

/** Columns of a group in a matrix with `cols` inputs. */
export const columnsPerGroup = (cols: number, groupSize: number): number =>
  groupSize < 1 ? Math.max(1, cols) : Math.min(groupSize, Math.max(1, cols))

/**
 * The range search with the squared error. Short groups at 4 bits or more never gain from less than 0.65 of their range, and
 * at 2 and 3 bits from less than a third; a whole row or matrix may hold a weight 20 times as large as the rest.
 */
export function leastSquares({ bits, groupSize }: Pick<GridOptions, 'bits' | 'groupSize'>): {
  readonly norm: number
  readonly grid: number
  readonly steps: number
} {
  if (groupSize < 1 || groupSize > 256) return { norm: 2, grid: 100, steps: 96 }
  return { norm: 2, grid: 40, steps: bits < 4 ? 28 : 15 }
}

/** Stored bits a weight: code, and its share of scale and zero. 4 bits, group 64, symmetric: 4.25; asymmetric: 4.3125. */
export function gridBits([rows, cols]: readonly [number, number], options: GridOptions): number {
  const { bits, groupSize, symmetric, zero, scaleDType } = options
  const grids = groupSize === 0 ? 1 : rows * Math.ceil(cols / columnsPerGroup(cols, groupSize))
  const float = scaleDType === 'f32' ? 32 : 16
  const zeroBits = symmetric ? 0 : zero === 'min' ? float : bits
  return bits + (grids * (float + zeroBits)) / (rows * cols)
}
