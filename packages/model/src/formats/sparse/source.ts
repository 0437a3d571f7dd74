import { denseWeight, type SparseWeight, sparseWeight, type Tensor, type TypedArray } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import { checkRows, type TensorSource } from '../source.ts'
import { denseConfig, isSparseConfig } from './config.ts'
import { readEntry, type SparseEntry, wholeNumbers } from './entry.ts'
import { type Part, partName, parts } from './layout.ts'
import { countMaskRows, expandMaskRows } from './mask-rows.ts'
import { expandPatternRows } from './pattern-rows.ts'
import { likeBits, type RawBits, rawBits, viewedAs } from './raw-bits.ts'

/** Bytes of masks that are looked at together. */
const PIECE_BYTES = 2 ** 20
/** Models have some matrices a block; a million would be no model. */
const MAX_MATRICES = 1_000_000

/**
 * A checkpoint with sparse matrices as the dense one that it stands for: the same names, types and bytes. `weight` gives the
 * sparse form. What is not stored sparse is passed through; a checkpoint that says nothing of sparse matrices is given back.
 * Nothing is read but the small parts that say shapes.
 * @param config contents of config.json
 * @throws FormatError when parts of a matrix are missing, or do not fit one another
 */
export async function expandSparse<S extends TensorSource>(
  config: Config,
  source: S,
): Promise<{ readonly config: Config; readonly source: S }> {
  if (!isSparseConfig(config)) return { config, source }
  const entries = await readEntries(source)
  return { config: denseConfig(config), source: { ...source, ...expanded(source, entries) } }
}

async function readEntries(source: TensorSource): Promise<ReadonlyMap<string, SparseEntry>> {
  const bases = source.names().flatMap(name => (name.endsWith('.compressed') ? [name.slice(0, -11)] : []))
  if (bases.length > MAX_MATRICES)
    throw new FormatError('limit', `${bases.length} sparse tensors; at most ${MAX_MATRICES} are read`)
  const entries = new Map<string, SparseEntry>()
  for (const base of bases) entries.set(`${base}.weight`, await readEntry(source, base))
  return entries
}

function expanded(
  source: TensorSource,
  entries: ReadonlyMap<string, SparseEntry>,
): Omit<TensorSource, 'kind' | 'close'> {
  const stored = new Map([...entries].flatMap(([name, { base }]) => parts.map(part => [partName(base, part), name])))
  const names = [...new Set(source.names().map(name => stored.get(name) ?? name))]
  const reader = createReader(source)
  return {
    names: () => names,
    has: name => entries.has(name) || (source.has(name) && !stored.has(name)),
    info: name => {
      const entry = entries.get(name)
      if (!entry) return source.info(name)
      const { encoding, dtype, shape, bytes } = entry
      return { encoding, dtype, shape, bytes }
    },
    read: async (name, into) => {
      const entry = entries.get(name)
      return entry ? reader.dense(entry, 0, entry.shape[0]) : source.read(name, into)
    },
    readRows: async (name, start, count, into) => {
      const entry = entries.get(name)
      if (!entry) return source.readRows(name, start, count, into)
      checkRows(name, entry.shape, start, count)
      return reader.dense(entry, start, count)
    },
    weight: async name => {
      const entry = entries.get(name)
      return entry ? reader.sparse(entry) : source.weight?.(name)
    },
  }
}

/** Rows as they are stored. */
interface StoredRows {
  readonly values: RawBits
  readonly like: TypedArray
  readonly index: Uint8Array
}

function createReader(source: TensorSource) {
  const starts = lastStarts(source)
  const rowsOf = async (entry: SparseEntry, part: Part, start: number, count: number): Promise<TypedArray> =>
    (await source.readRows(partName(entry.base, part), start, count)).data
  const load = async (entry: SparseEntry, start: number, count: number): Promise<StoredRows> => {
    const byRow = entry.values.length === 2
    const from = entry.pattern ? undefined : await starts(entry)
    const like =
      byRow || !from
        ? await rowsOf(entry, 'compressed', start, count)
        : await rowsOf(entry, 'compressed', from[start]!, from[start + count]! - from[start]!)
    const index = (await rowsOf(entry, entry.pattern ? 'index' : 'bitmask', start, count)) as Uint8Array
    const values = rawBits({ data: like })
    if (values) return { values, like, index }
    throw new FormatError('unsupported', `${partName(entry.base, 'compressed')}: ${entry.dtype} is not read as sparse`)
  }
  const dense = async (entry: SparseEntry, start: number, count: number): Promise<Tensor> => {
    const { values, like, index } = await load(entry, start, count)
    const out = likeBits(values, count * entry.shape[1])
    expandRows(entry, values, index, out)
    return { dtype: entry.dtype, shape: [count, entry.shape[1]], data: viewedAs(out, like) }
  }
  return { dense, sparse: async (entry: SparseEntry) => sparseOf(entry, await load(entry, 0, entry.shape[0])) }
}

function expandRows(entry: SparseEntry, values: RawBits, index: Uint8Array, out: RawBits): void {
  const { base, pattern, shape } = entry
  if (pattern) expandPatternRows(values, index, shape[1], pattern, out, partName(base, 'index'))
  else expandMaskRows(values, index, shape[1], out)
}

function sparseOf(entry: SparseEntry, { values, like, index }: StoredRows): SparseWeight {
  const { shape, dtype, pattern } = entry
  const data = likeBits(values, shape[0] * shape[1])
  expandRows(entry, values, index, data)
  const removed = new Uint8Array(data.length)
  expandRows(entry, new Uint8Array(values.length).fill(1), index, removed)
  for (let k = 0; k < removed.length; k++) removed[k] = 1 - removed[k]!
  const inner = denseWeight({ dtype, shape, data: viewedAs(data, like) })
  return sparseWeight({
    removed,
    inner,
    ...(pattern && { pattern: { zeros: pattern.of - pattern.kept, of: pattern.of } }),
  })
}

/** Where the values of every row begin, of the matrix asked for last: rows are read in runs. */
function lastStarts(source: TensorSource): (entry: SparseEntry) => Promise<Float64Array> {
  let last: { readonly entry: SparseEntry; readonly starts: Promise<Float64Array> } | undefined
  return entry => {
    if (last?.entry !== entry) last = { entry, starts: readStarts(source, entry) }
    return last.starts
  }
}

/** Counts the whole mask, and holds against it what else the file says of the numbers of values. */
async function readStarts(
  source: TensorSource,
  { base, shape, values, rowOffsets }: SparseEntry,
): Promise<Float64Array> {
  const [rows, cols] = shape
  const name = partName(base, 'bitmask')
  const starts = new Float64Array(rows + 1)
  const step = Math.max(1, Math.floor((PIECE_BYTES * 8) / cols))
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start)
    const mask = (await source.readRows(name, start, count)).data as Uint8Array
    countMaskRows(mask, cols, starts.subarray(start + 1, start + 1 + count), name)
  }
  for (let row = 1; row <= rows; row++) starts[row]! += starts[row - 1]!
  checkCounts(base, starts, values)
  if (rowOffsets) checkOffsets(await source.read(partName(base, 'row_offsets')), starts, partName(base, 'row_offsets'))
  return starts
}

function checkCounts(base: string, starts: Float64Array, values: readonly number[]): void {
  const total = starts[starts.length - 1]!
  const stored = values.reduce((product, dim) => product * dim, 1)
  const each = values[1]
  const uneven = each === undefined ? -1 : starts.findIndex((start, row) => start !== row * each)
  if (total !== stored || uneven > 0)
    throw new FormatError(
      'size',
      `${partName(base, 'compressed')}: holds ${stored} values [${values}], but the mask keeps ${total}` +
        (uneven > 0 ? `, ${starts[uneven]! - starts[uneven - 1]!} of them in row ${uneven - 1}` : ''),
    )
}

function checkOffsets(offsets: Tensor, starts: Float64Array, name: string): void {
  const found = wholeNumbers(offsets, name)
  const row = found.findIndex((offset, i) => offset !== starts[i])
  if (row >= 0)
    throw new FormatError(
      'offsets',
      `${name}: row ${row} begins at value ${found[row]}, but by the mask at ${starts[row]}`,
    )
}
