import { type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'
import type { ModelConfig } from './config.ts'
import type { TensorSource } from './formats/source.ts'
import type { Layout } from './layout.ts'

/** Rows this close are read in one go: a gap of a few rows costs less than another read. */
const MAX_GAP = 16
/** Rows read in one go, so that a dense set of ids does not bring the whole table into memory twice. */
const MAX_RUN = 1024

/**
 * What enters block 0 for token ids `[batch, tokens]` at positions from `start`: f32 `[batch, tokens, hidden]`.
 * @throws RangeError for an id outside the vocabulary or a position without a row
 */
export async function embedTokens(
  config: ModelConfig,
  layout: Layout,
  source: TensorSource,
  ids: Tensor,
  start: number,
): Promise<TensorF32> {
  const [batch, tokens] = idShape(ids)
  const rows = Array.from(ids.data as ArrayLike<number | bigint>, Number)
  const table = await readTableRows(source, layout.embedding, rows, config)
  const looked = lookUp(table, rows, config.embeddingSize, config.embeddingScale)
  const data = layout.projectIn
    ? project(looked, toF32(await source.read(layout.projectIn)), config.embeddingSize)
    : looked
  if (layout.positions) await addPositions(data, layout.positions, source, config, { batch, tokens, start })
  return { dtype: 'f32', shape: [batch, tokens, config.hiddenSize], data }
}

function idShape(ids: Tensor): readonly [number, number] {
  const whole = ids.dtype === 'i32' || ids.dtype === 'i64' || ids.dtype === 'u32'
  if (ids.shape.length !== 2 || !whole)
    throw new TypeError(`token ids: expected i32 [batch, tokens], got ${ids.dtype} [${ids.shape.join(', ')}]`)
  return ids.shape as unknown as readonly [number, number]
}

/** The rows that occur, scaled, by id. */
async function readTableRows(
  source: TensorSource,
  name: string,
  ids: readonly number[],
  { vocabSize, embeddingSize }: ModelConfig,
): Promise<Map<number, Float32Array>> {
  const wanted = [...new Set(ids)].sort((a, b) => a - b)
  const outside = wanted.find(id => id < 0 || id >= vocabSize)
  if (outside !== undefined) throw new RangeError(`token id ${outside} is outside the vocabulary 0 … ${vocabSize - 1}`)
  const rows = new Map<number, Float32Array>()
  for (const [first, members] of runs(wanted)) {
    const { data } = toF32(await source.readRows(name, first, members.at(-1)! - first + 1))
    for (const id of members) {
      const at = (id - first) * embeddingSize
      rows.set(id, data.subarray(at, at + embeddingSize))
    }
  }
  return rows
}

function runs(sorted: readonly number[]): [first: number, members: number[]][] {
  const out: [number, number[]][] = []
  for (const id of sorted) {
    const last = out.at(-1)
    if (last && id - last[1].at(-1)! <= MAX_GAP && id - last[0] < MAX_RUN) last[1].push(id)
    else out.push([id, [id]])
  }
  return out
}

function lookUp(rows: Map<number, Float32Array>, ids: readonly number[], width: number, scale: number): Float32Array {
  const out = new Float32Array(ids.length * width)
  ids.forEach((id, t) => {
    out.set(rows.get(id)!, t * width)
  })
  if (scale !== 1) for (let i = 0; i < out.length; i++) out[i]! *= scale
  return out
}

/** `x Wᵀ` in f64; only small models have it. */
function project(x: Float32Array, weight: TensorF32, width: number): Float32Array {
  const wide = weight.shape[0]!
  const tokens = x.length / width
  const out = new Float32Array(tokens * wide)
  for (let t = 0; t < tokens; t++)
    for (let o = 0; o < wide; o++) {
      let sum = 0
      for (let i = 0; i < width; i++) sum += x[t * width + i]! * weight.data[o * width + i]!
      out[t * wide + o] = sum
    }
  return out
}

async function addPositions(
  data: Float32Array,
  { name, offset }: { readonly name: string; readonly offset: number },
  source: TensorSource,
  { hiddenSize, maxPositions }: ModelConfig,
  { batch, tokens, start }: { batch: number; tokens: number; start: number },
): Promise<void> {
  if (start + tokens > maxPositions)
    throw new RangeError(`positions ${start} … ${start + tokens - 1}: the model has learned only ${maxPositions}`)
  const { data: rows } = toF32(await source.readRows(name, start + offset, tokens))
  const size = tokens * hiddenSize
  for (let b = 0; b < batch; b++) for (let i = 0; i < size; i++) data[b * size + i]! += rows[i]!
}
