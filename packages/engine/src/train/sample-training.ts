import { type Model, openModel } from '@sinter/model'
import { type ContinueOptions, continueBoth } from '../continue-both.ts'
import type { ReportGeneration } from '../report/report.ts'
import type { TrainResult } from './events.ts'

/** The run's prompts continued by the model as it was and as it is. */
export async function sampleTraining(
  original: Model,
  { path, prompts }: TrainResult,
  options: ContinueOptions,
): Promise<readonly ReportGeneration[]> {
  const { tokenizer } = original
  if (!tokenizer || prompts.length === 0) return []
  const trained = await openModel(path)
  try {
    return await continueBoth({ original, result: trained, tokenizer, prompts }, options)
  } finally {
    await trained.close()
  }
}
