import { type HiddenBatch, headInputs, type Model } from '@sinter/model'
import type { Backend, Resident, TensorF32 } from '@sinter/tensor-core'

/** Rows that go through the head together: enough for a product near full speed, few enough for the cache. */
const CHUNK_TOKENS = 256

/** What the output embedding multiplies, at the scored positions, in order. */
export interface ScoredRows {
  readonly width: number
  readonly chunks: readonly Chunk[]
  release(): void
}

interface Chunk {
  /** Place of its first row among all scored positions. */
  readonly first: number
  readonly tokens: number
  /** f32 `[tokens, width]` */
  readonly rows: Resident
}

/**
 * Runs the end of the model (final norm …) over the last hidden states, which it releases, and keeps the rows that count.
 * @param first position of a window from which on predictions count; the last position never does
 */
export async function scoredRows(
  model: Model,
  batches: readonly HiddenBatch[],
  first: number,
  backend: Backend,
): Promise<ScoredRows> {
  const chunks = createChunker(backend)
  let done = 0
  try {
    for await (const { headInput } of headInputs(model, backend, batches)) {
      batches[done++]!.hidden.release()
      await takeScored(chunks, (await headInput.read()) as TensorF32, first)
    }
    return await chunks.finish()
  } finally {
    for (const { hidden } of batches.slice(done)) hidden.release()
  }
}

async function takeScored(chunks: Chunker, rows: TensorF32, first: number): Promise<void> {
  const [batch, tokens, width] = rows.shape as [number, number, number]
  for (let b = 0; b < batch; b++)
    for (let t = first; t < tokens - 1; t++) {
      const at = (b * tokens + t) * width
      const full = chunks.add(rows.data.subarray(at, at + width))
      if (full) await chunks.flush()
    }
}

type Chunker = ReturnType<typeof createChunker>

function createChunker(backend: Backend) {
  const chunks: Chunk[] = []
  let buffer = new Float32Array(0)
  let filled = 0
  let first = 0
  let width = 0
  const flush = async () => {
    const data = filled === CHUNK_TOKENS ? buffer : buffer.slice(0, filled * width)
    const rows = await backend.upload({ dtype: 'f32', shape: [filled, width], data }, { move: true })
    chunks.push({ first, tokens: filled, rows })
    first += filled
    filled = 0
  }
  return {
    flush,
    /** True when the chunk is full. */
    add(row: Float32Array): boolean {
      width = row.length
      if (filled === 0) buffer = new Float32Array(CHUNK_TOKENS * width)
      buffer.set(row, filled++ * width)
      return filled === CHUNK_TOKENS
    },
    async finish(): Promise<ScoredRows> {
      if (filled > 0) await flush()
      const release = () => {
        for (const { rows } of chunks) rows.release()
      }
      return { width, chunks, release }
    },
  }
}
