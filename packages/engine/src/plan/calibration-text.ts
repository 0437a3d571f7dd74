import { readFile, stat } from 'node:fs/promises'
import { type Model, SinterError } from '@sinter/model'
import type { CalibrationPlan } from './plan.ts'

/**
 * A token of a text is seldom longer than this many bytes on average (4 is usual in English). A text with more bytes for each
 * wanted token is long enough without counting; the run counts exactly, before its first block.
 */
const SURELY_ENOUGH = 16

/**
 * Checks that a text holds the samples, before any work is done.
 * @throws SinterError `calibration` for a text that is missing, empty or too short, `tokenizer` when the model has none
 */
export async function checkCalibration(model: Model, plan: CalibrationPlan): Promise<void> {
  const { text, samples, length } = plan
  if (!model.tokenizer)
    throw new SinterError(
      'tokenizer',
      `${model.path} has no tokenizer, and calibration text cannot be read without one: put its tokenizer.json beside it`,
    )
  const info = await stat(text).catch(() => undefined)
  if (!info?.isFile()) throw new SinterError('calibration', `${text}: no such file; give a text to calibrate on`)
  const wanted = samples * length
  if (info.size > SURELY_ENOUGH * wanted) return
  const content = await readFile(text, 'utf8')
  if (content.trim() === '')
    throw new SinterError('calibration', `${text} is empty; calibration needs ${wanted} tokens of ordinary text`)
  const tokens = model.tokenizer.encode(content, { addSpecialTokens: false }).length
  if (tokens < length)
    throw new SinterError(
      'calibration',
      `${text} has ${tokens} tokens, less than one sample of ${length}: give a longer text or a smaller --length`,
    )
  if (tokens < wanted)
    throw new SinterError(
      'calibration',
      `${text} has ${tokens} tokens; ${samples} samples of ${length} need ${wanted}: give a longer text, or ` +
        `--samples ${Math.floor(tokens / length)} at most`,
    )
}
