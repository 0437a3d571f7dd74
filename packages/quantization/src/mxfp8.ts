import type { WeightMethod } from '@sinter/model'
import { type MxOptions, mxMethod } from './mx-method.ts'

export const mxfp8Method: WeightMethod<MxOptions> = mxMethod('mxfp8', 'MXFP8: 8-bit floats in blocks of 32', 'e4m3', 8)
