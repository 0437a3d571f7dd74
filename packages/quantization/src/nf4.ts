import type { WeightMethod } from '@sinter/model'
import type { CodebookWeight, TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { type CodebookOptions, codebookBits, codebookFields, type LevelTable, roundToTable } from './codebook.ts'
import { eachLayer } from './each-layer.ts'
import { levelSearch } from './level-search.ts'

/**
 * The 4-bit NormalFloat (arXiv:2305.14314 §3 and appendix E): quantiles of the normal distribution, eight above 0 and seven below,
 * divided by the largest. As bitsandbytes rounds them, f32, by code.
 */
export const nf4Levels: Float32Array = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
)

const table: LevelTable = { levels: nf4Levels, search: levelSearch(nf4Levels) }

/** NF4 (arXiv:2305.14314 §3), byte for byte as bitsandbytes. @param weight f32 `[out, in]`, finite */
export const nf4 = (weight: TensorF32, options: Partial<CodebookOptions> = {}): CodebookWeight =>
  roundToTable(weight, table, options)

export const nf4Method: WeightMethod<CodebookOptions> = {
  kind: 'weight',
  name: 'nf4',
  title: 'NF4: quantiles of a normal distribution',
  paper: 'arXiv:2305.14314',
  options: z.strictObject(codebookFields),
  needs: () => [],
  compress: async (layers, _, options, context) => eachLayer(layers, context, weight => nf4(weight, options)),
  bitsPerWeight: codebookBits,
}
