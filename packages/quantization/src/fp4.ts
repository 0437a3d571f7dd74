import { fourBitTables, type WeightMethod } from '@sinter/model'
import type { CodebookWeight, TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { type CodebookOptions, codebookBits, codebookFields, type LevelTable, roundToTable } from './codebook.ts'
import { eachLayer } from './each-layer.ts'
import { levelSearch } from './level-search.ts'

/** The 4-bit float of bitsandbytes (1 sign, 2 exponent, 1 fraction bit), divided by its largest, f32, by code. */
export const fp4Levels: Float32Array = fourBitTables.fp4

const table: LevelTable = { levels: fp4Levels, search: levelSearch(fp4Levels) }

/** FP4, byte for byte as bitsandbytes. @param weight f32 `[out, in]`, finite */
export const fp4 = (weight: TensorF32, options: Partial<CodebookOptions> = {}): CodebookWeight =>
  roundToTable(weight, table, options)

export const fp4Method: WeightMethod<CodebookOptions> = {
  kind: 'weight',
  name: 'fp4',
  title: 'FP4: a 4-bit float',
  paper: 'arXiv:2305.14314',
  options: z.strictObject(codebookFields),
  needs: () => [],
  compress: async (layers, _, options, context) => eachLayer(layers, context, weight => fp4(weight, options)),
  bitsPerWeight: codebookBits,
}
