import type { WeightMethod } from '@sinter/model'
import { type MxOptions, mxMethod } from './mx-method.ts'

export const mxfp4Method: WeightMethod<MxOptions> = mxMethod('mxfp4', 'MXFP4: 4-bit floats in blocks of 32', 'e2m1', 4)
