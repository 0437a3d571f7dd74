import { fourBitTables, type WeightMethod } from '@sinter/model'
import type { CodebookWeight, TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { type CodebookOptions, codebookBits, codebookFields, type LevelTable, roundToTable } from './codebook.ts'
import { eachLayer } from './each-layer.ts'
import { levelSearch } from './level-search.ts'

/**
 * The 4-bit NormalFloat (arXiv:2305.14314 §3 and appendix E): quantiles of the normal distribution, eight above 0 and seven below,
 * divided by the largest. As bitsandbytes rounds them, f32, by code.
 */
export const nf4Levels: Float32Array = fourBitTables.nf4

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
