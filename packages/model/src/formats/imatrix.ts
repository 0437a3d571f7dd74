import { f32, type TensorF32, toF32 } from '@sinter/tensor-core'
import { openFile } from '../io/file.ts'
import { encodingNamed } from './encodings.ts'
import { FormatError } from './format-error.ts'
import { openGguf } from './gguf.ts'
import { ggufArray, ggufString, ggufU32, numberOf, stringsOf } from './gguf-value.ts'
import { createGgufWriter } from './gguf-write.ts'
import { parseLegacyImatrix } from './imatrix-legacy.ts'

/** What a calibration text tells of the inputs of matrices: llama.cpp's importance matrix. */
export interface ImportanceMatrix {
  /** By the name of the matrix in a GGUF file: `blk.0.attn_q.weight`. */
  readonly entries: ReadonlyMap<string, ImportanceEntry>
  /** Where the text came from. */
  readonly datasets: readonly string[]
  /** Windows of the text, and tokens of each; 0 when a file does not say. */
  readonly chunks: number
  readonly chunkSize: number
}

export interface ImportanceEntry {
  /** Σ x² of every input, `[in]`, or `[experts, in]`. */
  readonly sums: Float32Array
  /** Tokens that were summed: one count, or one for each expert. */
  readonly counts: readonly number[]
}

const SUMS = '.in_sum2'
const COUNTS = '.counts'
/** Sums of the widest published matrices take a few hundred kilobytes, those of 384 experts some tens of megabytes. */
const MAX_VALUES = 2 ** 26

/**
 * Mean squares, as llama-quantize computes them: f32; 1 where nothing was counted.
 * @returns as `sums`
 */
export function meanSquares({ sums, counts }: ImportanceEntry): Float32Array {
  const width = sums.length / counts.length
  return sums.map((sum, i) => {
    const count = Math.fround(counts[Math.floor(i / width)]!)
    return count > 0 ? sum / count : 1
  })
}

/**
 * Reads an importance matrix: the GGUF form, or the older one (`.dat`).
 * @throws FormatError for a file that is neither, or whose sums and counts do not go together
 */
export async function readImatrix(path: string): Promise<ImportanceMatrix> {
  return (await isGguf(path)) ? readGgufForm(path) : readLegacyForm(path)
}

async function isGguf(path: string): Promise<boolean> {
  const file = await openFile(path)
  try {
    return new TextDecoder().decode(await file.read(0, Math.min(4, file.size))) === 'GGUF'
  } finally {
    await file.close()
  }
}

async function readGgufForm(path: string): Promise<ImportanceMatrix> {
  const file = await openGguf(path)
  try {
    const names = file.names().filter(name => name.endsWith(SUMS))
    if (names.length === 0)
      throw new FormatError('schema', `${path}: has no tensors that end in ${SUMS}: it is no importance matrix`)
    const entries = new Map<string, ImportanceEntry>()
    for (const name of names) {
      const matrix = name.slice(0, -SUMS.length)
      const sums = await values(name)
      const counts = [...(await values(matrix + COUNTS))].map(Math.round)
      entries.set(matrix, checked({ sums, counts }, `${path}: ${JSON.stringify(matrix)}`))
    }
    return {
      entries,
      datasets: stringsOf(file.metadata.get('imatrix.datasets')) ?? [],
      chunks: numberOf(file.metadata.get('imatrix.chunk_count')) ?? 0,
      chunkSize: numberOf(file.metadata.get('imatrix.chunk_size')) ?? 0,
    }
  } finally {
    await file.close()
  }

  async function values(name: string): Promise<Float32Array> {
    const { encoding, bytes } = file.info(name)
    if (encoding !== 'F32') throw new FormatError('dtype', `${path}: ${name} is ${encoding}; sums and counts are F32`)
    if (bytes > 4 * MAX_VALUES) throw new FormatError('limit', `${path}: ${name} has more than ${MAX_VALUES} values`)
    return toF32(await file.read(name)).data as Float32Array
  }
}

async function readLegacyForm(path: string): Promise<ImportanceMatrix> {
  const file = await openFile(path)
  try {
    if (file.size > 4 * MAX_VALUES)
      throw new FormatError(
        'limit',
        `${path}: ${file.size} bytes; importance matrices of this form have at most ${4 * MAX_VALUES}`,
      )
    const matrix = parseLegacyImatrix(await file.read(0, file.size), path)
    for (const [name, entry] of matrix.entries) checked(entry, `${path}: ${JSON.stringify(name)}`)
    return matrix
  } finally {
    await file.close()
  }
}

/** llama.cpp refuses sums that are not finite; counts of which there is no whole part each have no meaning. */
function checked(entry: ImportanceEntry, where: string): ImportanceEntry {
  const { sums, counts } = entry
  if (counts.length === 0 || sums.length === 0 || sums.length % counts.length !== 0)
    throw new FormatError('size', `${where}: ${sums.length} sums do not go with ${counts.length} counts`)
  if (!sums.every(Number.isFinite)) throw new FormatError('schema', `${where}: a sum is not finite`)
  return entry
}

/** Writes an importance matrix as llama-imatrix does, entries by name. @throws FormatError `disk-full`, `limit` on a long name */
export async function writeImatrix(path: string, matrix: ImportanceMatrix): Promise<void> {
  const { datasets, chunks, chunkSize } = matrix
  const tensors = [...matrix.entries].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(tensorsOf)
  const encoding = encodingNamed('F32')
  const writer = await createGgufWriter(
    path,
    new Map([
      ['general.type', ggufString('imatrix')],
      ['imatrix.datasets', ggufArray('string', datasets)],
      ['imatrix.chunk_count', ggufU32(chunks)],
      ['imatrix.chunk_size', ggufU32(chunkSize)],
    ]),
    tensors.map(({ name, value: { shape } }) => ({ name, shape, encoding })),
  )
  try {
    for (const { name, value } of tensors) await writer.write(name, value)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
}

function tensorsOf([name, { sums, counts }]: [string, ImportanceEntry]): { name: string; value: TensorF32 }[] {
  const matrices = counts.length
  return [
    { name: name + SUMS, value: f32([matrices, sums.length / matrices], sums) },
    { name: name + COUNTS, value: f32([matrices, 1], Float32Array.from(counts)) },
  ]
}
