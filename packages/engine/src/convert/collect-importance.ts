import {
  type Checkpoint,
  type ImportanceEntry,
  type ImportanceMatrix,
  type Model,
  modelOf,
  openCheckpoint,
  planGguf,
  SinterError,
} from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { checkCalibration } from '../plan/calibration-text.ts'
import type { CalibrationPlan } from '../plan/plan.ts'
import { batchShapes } from '../run/calibration.ts'
import { calibrationIds } from '../run/calibration-apart.ts'
import { walkInputs } from '../run/walk-inputs.ts'

export interface ImportanceOptions extends CalibrationPlan {
  readonly backend: Backend
  readonly signal?: AbortSignal | undefined
  /** Blocks that are done, parts counted. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * What a text tells of the inputs of every linear layer: sums of squares over all its tokens, in llama.cpp's form and under
 * llama.cpp's names. The text is tokenized whole, without special tokens, and cut into windows that lie side by side, as for the
 * calibration of a run; llama-imatrix does the same, but puts the token that begins a text, where the model has one, over the
 * first of each window, and computes with its own rounding (f16 keys and values, matrices as they are stored).
 * @throws SinterError `calibration` for a text that is missing or too short, `tokenizer`; FormatError `unsupported` for a family
 *   that GGUF has no names for
 */
export async function collectImportance(path: string, options: ImportanceOptions): Promise<ImportanceMatrix> {
  const checkpoint = await openCheckpoint(path)
  const model = await modelOf(checkpoint)
  try {
    const { text, samples, length } = options
    const names = ggufNames(checkpoint)
    await check(model, options)
    const ids = await calibrationIds(path, { text, samples, length })
    const entries = await walk(model, ids, names, options)
    return { entries, datasets: [text], chunks: samples, chunkSize: length }
  } finally {
    await model.close()
  }
}

async function check(model: Model, { text, samples, length }: CalibrationPlan): Promise<void> {
  const { maxPositions } = model.config
  if (length > maxPositions)
    throw new SinterError(
      'calibration',
      `windows of ${length} tokens: the model was made for ${maxPositions}; lower --length`,
    )
  await checkCalibration(model, { text, samples, length })
}

/** Names in a GGUF file by those in the checkpoint. */
function ggufNames({ config, source }: Checkpoint): ReadonlyMap<string, string> {
  return new Map(planGguf(config, source).tensors.map(({ from, name }) => [from, name]))
}

async function walk(
  model: Model,
  ids: Int32Array,
  names: ReadonlyMap<string, string>,
  { backend, signal, onProgress, samples, length, text }: ImportanceOptions,
): Promise<Map<string, ImportanceEntry>> {
  const entries = new Map<string, ImportanceEntry>()
  const batches = batchShapes({ text, samples, length })
  await walkInputs(
    model,
    ids,
    { backend, signal, onProgress, batches, needs: ['sumSquares'] },
    (stored, statistics) => {
      const name = names.get(`${stored}.weight`)
      const { sumSquares, tokens } = statistics
      if (name !== undefined) entries.set(name, { sums: Float32Array.from(sumSquares!), counts: [tokens] })
    },
  )
  return entries
}
