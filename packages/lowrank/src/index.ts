import type { TrainMethod } from '@sinter/model'
import * as table from './train-methods.ts'

export { initialLora, type LoraOptions, loraA, loraB, loraRewrite, mergeLora } from './lora.ts'
export { type LoraMethodOptions, lora } from './lora-method.ts'

/** Every method of this package that trains. */
export const trainMethods: readonly TrainMethod[] = Object.values(table)
