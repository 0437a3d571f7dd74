import { type GgufValue, ggufString, ggufU32, type ImportanceMatrix, meanSquares, SinterError } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'

/** An importance matrix, and the file that it came from. */
export interface Importance {
  readonly path: string
  readonly matrix: ImportanceMatrix
}

interface Named {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * Mean squares for each tensor that has an entry.
 * @throws SinterError `option` for the importance matrix of another model
 */
export function importanceFor(
  tensors: readonly Named[],
  importance: Importance | undefined,
): ReadonlyMap<string, Float32Array> {
  const found = new Map<string, Float32Array>()
  if (!importance) return found
  const { path, matrix } = importance
  for (const { name, shape } of tensors) {
    const entry = matrix.entries.get(name)
    if (!entry) continue
    const inputs = (shape.at(-1) ?? 1) * sizeOf(shape.slice(0, -2))
    if (entry.sums.length === inputs) found.set(name, meanSquares(entry))
    // Entries of embeddings count what they are not multiplied with; llama.cpp passes over them too.
    else if (!name.endsWith('token_embd.weight'))
      throw new SinterError(
        'option',
        `${path}: has ${entry.sums.length} sums for ${name}, which has ${inputs} inputs: it is of another model`,
      )
  }
  if (found.size === 0)
    throw new SinterError('option', `${path}: none of its ${matrix.entries.size} entries is a matrix of this model`)
  return found
}

/** @throws SinterError `option` when a type would be garbage without what is not there */
export function checkNeeded(mix: string, needing: readonly string[], weights: ReadonlyMap<string, Float32Array>): void {
  const missing = needing.filter(name => !weights.has(name))
  if (missing.length === 0) return
  throw new SinterError(
    'option',
    `${mix} needs the importance of every column: ${missing.length} matrices have none, ${missing[0]} for one. ` +
      'Make it with sinter imatrix MODEL --text FILE --out FILE, and give it with --imatrix',
  )
}

/** As llama-quantize notes where the importance came from. */
export function importanceKeys(importance: Importance | undefined): ReadonlyMap<string, GgufValue> {
  if (!importance) return new Map()
  const { path, matrix } = importance
  const [dataset] = matrix.datasets
  return new Map([
    ['quantize.imatrix.file', ggufString(clipped(path))],
    ...(dataset === undefined ? [] : [['quantize.imatrix.dataset', ggufString(clipped(dataset))] as const]),
    ['quantize.imatrix.entries_count', ggufU32(matrix.entries.size)],
    ...(matrix.chunks > 0 ? [['quantize.imatrix.chunks_count', ggufU32(matrix.chunks)] as const] : []),
  ])
}

/** llama.cpp keeps 127 bytes of such a value; cut between characters. */
function clipped(text: string): string {
  const bytes = new TextEncoder().encode(text)
  return bytes.length <= 127 ? text : new TextDecoder().decode(bytes.subarray(0, 127)).replace(/\uFFFD+$/, '')
}
