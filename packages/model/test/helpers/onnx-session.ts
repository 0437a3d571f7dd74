import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ModelConfig } from '../../src/config.ts'

type Values = Record<string, Tensor>

/** A folder for the time of `body`. */
export async function withTemporary<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
  try {
    return await body(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export interface Call {
  /** Rows of token ids, all of one length: those that are new. */
  readonly ids: readonly (readonly number[])[]
  /** For each row, 1 for every position up to the last new one that is text, 0 where it is padding. Default: all text. */
  readonly mask?: readonly (readonly number[])[]
  readonly keep?: number
}

export interface Decoder {
  /** Logits `[rows · kept, vocabulary]` of new tokens; the cache grows. */
  step(call: Call): Promise<Float32Array>
  close(): Promise<void>
}

/** ONNX Runtime on an exported decoder, fed as transformers.js feeds it. */
export async function openDecoder(path: string, config: ModelConfig): Promise<Decoder> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3, intraOpNumThreads: 1 })
  let past: Values | undefined
  let length = 0
  return {
    async step({ ids, mask, keep = 0 }) {
      const rows = ids.length
      const now = ids[0]!.length
      past ??= emptyCache(config, rows)
      length += now
      const seen = mask ?? ids.map(() => new Array<number>(length).fill(1))
      const results = await session.run({
        ...past,
        input_ids: whole(ids.flat(), [rows, now]),
        attention_mask: whole(seen.flat(), [rows, length]),
        position_ids: whole(
          seen.flatMap(row => positions(row).slice(-now)),
          [rows, now],
        ),
        ...(session.inputNames.includes('num_logits_to_keep') && { num_logits_to_keep: whole([keep], []) }),
      })
      past = Object.fromEntries(
        Object.entries(results)
          .filter(([name]) => name.startsWith('present.'))
          .map(([name, value]) => [name.replace('present', 'past_key_values'), value as Tensor]),
      )
      return results.logits!.data as Float32Array
    },
    close: () => session.release(),
  }
}

const whole = (values: readonly number[], shape: readonly number[]) =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), shape)

/** Text before a position; padding is at 1, as in transformers. */
function positions(mask: readonly number[]): number[] {
  let text = 0
  return mask.map(seen => (seen ? text++ : 1))
}

function emptyCache({ blocks, kvHeads, headDim }: ModelConfig, rows: number): Values {
  const entries = Array.from({ length: blocks }, (_, block) =>
    ['key', 'value'].map(part => [
      `past_key_values.${block}.${part}`,
      new Tensor('float32', new Float32Array(0), [rows, kvHeads, 0, headDim]),
    ]),
  )
  return Object.fromEntries(entries.flat())
}
