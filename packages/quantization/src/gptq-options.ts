import { type BlockGrid, blockGrids } from '@sinter/model'
import type { HessianOptions, QuantizeOptions } from '@sinter/tensor-core'
import { z } from 'zod'
import { columnsPerGroup, type GridOptions, gridDefaults, gridFields, leastSquares } from './options.ts'

export interface GptqOptions extends GridOptions {
  /** Quantize inputs with a large Σx² first. */
  readonly actOrder: boolean
  /** A GGUF encoding whose own grid is aimed at; it says what bits, groups, zeros and scales are. */
  readonly encoding?: string | undefined
  /** What a group's grid is fitted to. Default: static; together with an encoding. */
  readonly groups?: 'static' | 'live' | 'stale' | 'together' | undefined
  /** Default: mse; fit with an encoding. */
  readonly range?: 'minmax' | 'mse' | 'fit' | undefined
  /** Weigh the errors of the range search by the Hessian. */
  readonly weighted: boolean
  /** Passes over the codes afterwards, each of which moves those that another level has become better for. Default: 0; 8 with an encoding. */
  readonly sweeps?: number | undefined
  /** Added to the Hessian's diagonal, as a share of its mean. Default: 0.01; 0.1 with an encoding. */
  readonly damping?: number | undefined
  readonly blockSize: number
}

export const gptqDefaults: GptqOptions = {
  ...gridDefaults,
  actOrder: true,
  weighted: true,
  blockSize: 128,
}

/**
 * The choices that depend on whether an encoding is aimed at: there they lose 5 to 10 % less of a layer's output. The damping is
 * what loses least on other text than that of the calibration (ADR 8); the papers' 0.01 stays where their grids are.
 */
export function gptqChoices({ encoding, groups, range, sweeps, damping }: GptqOptions): {
  readonly groups: NonNullable<GptqOptions['groups']>
  readonly range: NonNullable<GptqOptions['range']>
  readonly sweeps: number
  readonly damping: number
} {
  const own = encoding
    ? ({ groups: 'together', range: 'fit', sweeps: 8, damping: 0.1 } as const)
    : ({ groups: 'static', range: 'mse', sweeps: 0, damping: 0.01 } as const)
  return {
    groups: groups ?? own.groups,
    range: range ?? own.range,
    sweeps: sweeps ?? own.sweeps,
    damping: damping ?? own.damping,
  }
}

/** @throws RangeError for an encoding without a grid of its own */
export function gridNamed(encoding: string): BlockGrid {
  const grid = blockGrids[encoding]
  if (!grid) throw new RangeError(`no grid is known of ${encoding}; known: ${Object.keys(blockGrids).join(', ')}`)
  return grid
}

function gridOf(options: GptqOptions): BlockGrid {
  if (options.encoding) return gridNamed(options.encoding)
  const { bits, groupSize, symmetric, symmetricRange, zero, scaleDType } = options
  return { bits, groupSize, symmetric, symmetricRange, zero: symmetric ? 'integer' : zero, scaleDType }
}

/** Columns whose grids are fitted at once. */
const unitOf = ({ groupSize, supers }: BlockGrid, cols: number): number =>
  supers?.size ?? columnsPerGroup(cols, groupSize)

/** What the column solver is told. Groups that do not fill a row cannot change places with one another: they stay static. */
export function quantizeOptions(options: GptqOptions, cols: number): QuantizeOptions {
  const grid = gridOf(options)
  const { groups, range } = gptqChoices(options)
  const { weighted } = options
  const fitted = groups !== 'together' ? groups : cols % unitOf(grid, cols) === 0 ? 'live' : 'static'
  // Unweighted it is GPTQ's own search, |e|^2.4 over 80 ranges. Weighted by the Hessian, |e|² is the loss itself.
  const search = weighted ? leastSquares(grid) : {}
  return { ...grid, groups: fitted, range, weighted, ...search }
}

export function hessianOptions(options: GptqOptions, cols: number): HessianOptions {
  const { actOrder } = options
  const { damping, groups } = gptqChoices(options)
  const together = groups === 'together' ? unitOf(gridOf(options), cols) : undefined
  return { actOrder, damping, ...(together !== undefined && { together }) }
}

export const gptqSchema: z.ZodType<GptqOptions> = z.strictObject({
  ...gridFields,
  groupSize: gridFields.groupSize.refine(
    size => size !== 0,
    'gptq has no grid for the whole matrix; use -1, one a row',
  ),
  actOrder: z.boolean().default(gptqDefaults.actOrder).describe('Quantize the inputs that matter most first.'),
  groups: z
    .enum(['static', 'live', 'stale', 'together'])
    .optional()
    .describe(
      'What a group is fitted to: static, the original weights; live, the weights as corrected so far; ' +
        'stale, as corrected at the start of the block (the reference code); together, as live, but actOrder keeps the columns ' +
        'of a group side by side. Live and stale with actOrder store an order. Default: static; with encoding, together.',
    ),
  range: z
    .enum(['minmax', 'mse', 'fit'])
    .optional()
    .describe(
      'Scale of a group: that of its whole range, of the shrunken one with the least error, or least squares (not for ' +
        'asymmetric grids with a whole zero point). Default: mse; with encoding, fit.',
    ),
  encoding: z
    .enum(Object.keys(blockGrids))
    .optional()
    .describe(
      'A GGUF encoding whose own grid is aimed at, in place of bits, groupSize, symmetric, zero and scaleDType.',
    ),
  sweeps: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe(
      'Passes afterwards that move codes for which another level has become better (QuantEase). Default: 0; with encoding, 8.',
    ),
  weighted: z.boolean().default(gptqDefaults.weighted).describe('Weigh the errors of range: mse by the Hessian.'),
  damping: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Added to the diagonal of the Hessian, as a share of its mean; raised when the factorization fails. Default: 0.01; with ' +
        'encoding, 0.1.',
    ),
  blockSize: z.int().min(1).max(4096).default(gptqDefaults.blockSize).describe('Columns per block; speed only.'),
})
