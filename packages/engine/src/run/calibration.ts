import { open } from 'node:fs/promises'
import { loadTokenizer, openCheckpoint, SinterError, type Tokenizer } from '@sinter/model'
import type { CalibrationPlan } from '../plan/plan.ts'
import type { BatchShape } from './walker.ts'

/** Tokens that go through a block together: with half as many the sweeps ran a twentieth slower, in 40 MB less. */
const BATCH_TOKENS = 1024

/** How the samples are grouped into batches. */
export function batchShapes({ samples, length }: CalibrationPlan): BatchShape[] {
  const sequences = Math.max(1, Math.floor(BATCH_TOKENS / length))
  return Array.from({ length: Math.ceil(samples / sequences) }, (_, i) => [
    Math.min(sequences, samples - i * sequences),
    length,
  ])
}

export interface CalibrationRequest {
  readonly model: string
  readonly plan: CalibrationPlan
}

export type CalibrationReply =
  | { readonly ids: Int32Array }
  | { readonly code: 'calibration' | 'tokenizer'; readonly message: string }

/** Consecutive windows of the text, tokenised whole and without special tokens. */
export async function readCalibration({ model, plan }: CalibrationRequest): Promise<Int32Array> {
  const checkpoint = await openCheckpoint(model)
  try {
    const { tokenizerJson, tokenizerConfig } = checkpoint
    if (!tokenizerJson)
      throw new SinterError(
        'tokenizer',
        `${model} has no tokenizer, and calibration text cannot be read without one: put its tokenizer.json beside it`,
      )
    const ids = await firstIds(loadTokenizer({ tokenizerJson, tokenizerConfig }), plan)
    return Int32Array.from(ids)
  } finally {
    await checkpoint.close()
  }
}

/** A token is seldom longer than this many bytes on average; where text is denser, the whole of it is read. */
const BYTES_PER_TOKEN = 12
/** Tokens before the end of a part that may come out otherwise than in the whole text. */
const SEAM = 64

async function firstIds(
  tokenizer: Tokenizer,
  { text, samples, length }: CalibrationPlan,
): Promise<ArrayLike<number> & Iterable<number>> {
  const wanted = samples * length
  const file = await open(text)
  try {
    const { size } = await file.stat()
    const part = Math.min(size, wanted * BYTES_PER_TOKEN)
    const ids = encodePrefix(tokenizer, await readText(file, part), part < size)
    if (ids.length >= wanted + SEAM || part === size) return take(ids, wanted, text, length)
    return take(encodePrefix(tokenizer, await readText(file, size), false), wanted, text, length)
  } finally {
    await file.close()
  }
}

async function readText(file: Awaited<ReturnType<typeof open>>, bytes: number): Promise<string> {
  const buffer = new Uint8Array(bytes)
  await file.read(buffer, 0, bytes, 0)
  return new TextDecoder().decode(buffer)
}

/** A part is cut at its last blank line or word, so that what comes before is encoded as in the whole. */
function encodePrefix(tokenizer: Tokenizer, text: string, cut: boolean): ArrayLike<number> & Iterable<number> {
  const end = cut ? Math.max(text.lastIndexOf('\n\n'), text.lastIndexOf(' ')) : text.length
  return tokenizer.encode(end > 0 ? text.slice(0, end) : text, { addSpecialTokens: false })
}

function take(ids: ArrayLike<number> & Iterable<number>, wanted: number, text: string, length: number): number[] {
  if (ids.length >= wanted) return Array.prototype.slice.call(ids, 0, wanted) as number[]
  if (ids.length === 0)
    throw new SinterError('calibration', `${text} is empty; calibration needs ${wanted} tokens of ordinary text`)
  throw new SinterError(
    'calibration',
    `${text} has ${ids.length} tokens; ${wanted / length} samples of ${length} need ${wanted}: give a longer text, or --samples ${Math.floor(ids.length / length)} at most`,
  )
}
