import type { TrainMethod } from '@sinter/model'
import * as table from './train-methods.ts'

export { type AdaloraOptions, adalora } from './adalora.ts'
export { checkAdapter } from './adapter.ts'
export { type DyloraOptions, dylora } from './dylora.ts'
export { type GgufAdapterOptions, writeGgufAdapter } from './gguf-adapter.ts'
export { readGgufAdapter } from './gguf-adapter-read.ts'
export { type GloraOptions, glora } from './glora.ts'
export type { Form } from './glora-parts.ts'
export {
  componentScores,
  type Importance,
  type ImportanceRates,
  updateImportance,
  zeroImportance,
} from './importance.ts'
export { cutLora, initialLora, type LoraOptions, loraA, loraB, loraRewrite, mergeLora, unmergeLora } from './lora.ts'
export { type LoraMethodOptions, lora } from './lora-method.ts'
export { orthogonality } from './orthogonality.ts'
export { readPeft, writePeft } from './peft.ts'
export { type BudgetAction, type BudgetSchedule, budgetAction, mostImportant } from './rank-budget.ts'

/** Every method of this package that trains. */
export const trainMethods: readonly TrainMethod[] = Object.values(table)
