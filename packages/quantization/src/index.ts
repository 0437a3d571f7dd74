import type { Method, TrainMethod } from '@sinter/model'
import * as table from './methods.ts'
import * as trainTable from './train-methods.ts'

export { type AwqChoice, type AwqOptions, awq, searchScales } from './awq.ts'
export { awqClip, type ClipResult, clamped } from './awq-clip.ts'
export { awqRatios, awqScales, gramLoss, roundedAtScale } from './awq-scales.ts'
export { type BlockCodes, blockCodes, quantizedScales } from './block-codes.ts'
export type { CodebookOptions } from './codebook.ts'
export { encodeE2M1, type Fp8Options, fp8, type MxElement, mx, nvfp4, nvfp4Scale } from './float-rounding.ts'
export { foldScales } from './fold.ts'
export { fp4, fp4Levels, fp4Method } from './fp4.ts'
export { fp8Method } from './fp8.ts'
export { type GptqResult, gptq, gptqMethod } from './gptq.ts'
export { type GptqOptions, gptqDefaults } from './gptq-options.ts'
export { int8ByRows, int8Method } from './int8-rows.ts'
export { type LevelSearch, levelSearch } from './level-search.ts'
export { mxfp4Method } from './mxfp4.ts'
export { mxfp8Method } from './mxfp8.ts'
export { nf4, nf4Levels, nf4Method } from './nf4.ts'
export { nvfp4Method } from './nvfp4.ts'
export { type GridOptions, gridBits } from './options.ts'
export {
  absmaxScale,
  type CodeRange,
  fakeQuantize,
  learnedStep,
  signedRange,
  symmetricRange,
} from './qat/fake-quant-graph.ts'
export { type PeqaOptions, peqa } from './qat/peqa.ts'
export { type LsqOptions, lsq, type QatOptions, qat } from './qat/qat.ts'
export { type RegularisedOptions, regularised } from './qat/regularised.ts'
export { fitRange, type RangeRule } from './range.ts'
export { gridOf, type RtnOptions, rtn, rtnMethod, rtnOnGrid } from './rtn.ts'

/** Every method of this package, in the order of their names there. */
export const methods: readonly Method[] = Object.values(table)

/** Every method of this package that trains. */
export const trainMethods: readonly TrainMethod[] = Object.values(trainTable)
