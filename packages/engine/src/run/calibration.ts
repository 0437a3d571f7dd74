import { readFile } from 'node:fs/promises'
import type { Model } from '@sinter/model'
import type { CalibrationPlan } from '../plan/plan.ts'
import { RunError } from './run-error.ts'
import type { BatchShape } from './walker.ts'

/** Tokens that go through a block together: large enough for full-rate products, small enough to stay in memory. */
const BATCH_TOKENS = 2048

/**
 * Consecutive windows of the text, tokenised whole and without special tokens.
 * @returns i32 `samples × length` token ids
 * @throws RunError `calibration` for an empty or too short text, or a model without a tokenizer
 */
export async function calibrationIds(model: Model, plan: CalibrationPlan): Promise<Int32Array> {
  if (!model.tokenizer)
    throw new RunError('calibration', `${model.path} has no tokenizer; calibration text cannot be read without one`)
  const text = await readFile(plan.text, 'utf8')
  const ids = model.tokenizer.encode(text, { addSpecialTokens: false })
  const wanted = plan.samples * plan.length
  if (ids.length < wanted)
    throw new RunError(
      'calibration',
      `${plan.text} has ${ids.length} tokens; ${plan.samples} samples of ${plan.length} need ${wanted}: give a longer text or lower --samples or --length`,
    )
  return Int32Array.from(ids.slice(0, wanted))
}

/** How the samples are grouped into batches. */
export function batchShapes({ samples, length }: CalibrationPlan): BatchShape[] {
  const sequences = Math.max(1, Math.floor(BATCH_TOKENS / length))
  return Array.from({ length: Math.ceil(samples / sequences) }, (_, i) => [
    Math.min(sequences, samples - i * sequences),
    length,
  ])
}
