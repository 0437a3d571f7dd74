import type { DType, Tensor } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { byteLength } from '../safetensors-header.ts'
import type { TensorSource } from '../source.ts'
import { type Part, partName, parts } from './layout.ts'
import { maskRowBytes } from './mask-rows.ts'
import { type KeptPattern, keptPerRow, MAX_GROUP, patternRowBytes } from './pattern-rows.ts'

/** A stored sparse matrix whose parts fit one another as far as their shapes say. */
export interface SparseEntry {
  readonly base: string
  readonly dtype: DType
  readonly encoding: string
  readonly shape: readonly [rows: number, cols: number]
  /** Absent when a mask says which elements are kept. */
  readonly pattern?: KeptPattern
  /** Shape of the stored values. */
  readonly values: readonly number[]
  readonly rowOffsets: boolean
  /** Of all parts. */
  readonly bytes: number
}

const wholeTypes: readonly DType[] = ['i64', 'i32', 'u64', 'u32']

/** Reads and checks the small parts of `X`. @throws FormatError that says which parts do not fit */
export async function readEntry(source: TensorSource, base: string): Promise<SparseEntry> {
  const has = (part: Part): boolean => source.has(partName(base, part))
  const label = `sparse tensor ${JSON.stringify(base)}`
  if (source.has(`${base}.weight`))
    throw new FormatError('duplicate', `${label}: stored both as ${base}.weight and as ${base}.compressed`)
  if (has('bitmask') === has('index'))
    throw new FormatError('schema', `${label}: expected ${base}.bitmask, or ${base}.index with ${base}.pattern`)
  const { dtype, shape: values, encoding } = source.info(partName(base, 'compressed'))
  const shape = await readPair(source, base, 'shape')
  if (shape[0] < 1 || shape[1] < 1)
    throw new FormatError('schema', `${label}: expected rows and columns, got [${shape}]`)
  byteLength(shape, 8, label)
  const pattern = has('index') ? await readPattern(source, base, shape[1]) : undefined
  const entry = { base, dtype, shape, values, rowOffsets: has('row_offsets') }
  const checked = pattern ? checkPattern(source, entry, pattern) : checkMask(source, entry)
  const bytes = parts.reduce((sum, part) => sum + (has(part) ? source.info(partName(base, part)).bytes : 0), 0)
  return { ...checked, encoding: `${encoding} ${pattern ? `${pattern.kept}:${pattern.of}` : 'bitmask'}`, bytes }
}

type Unchecked = Omit<SparseEntry, 'encoding' | 'bytes'>

function checkPattern(source: TensorSource, entry: Unchecked, pattern: KeptPattern): Unchecked {
  const [rows, cols] = entry.shape
  expectPart(source, entry.base, 'compressed', [rows, keptPerRow(cols, pattern)])
  expectPart(source, entry.base, 'index', [rows, patternRowBytes(cols, pattern)], 'u8')
  return { ...entry, pattern }
}

/** Values are one list, or as many in every row where they follow 2:4. */
function checkMask(source: TensorSource, entry: Unchecked): Unchecked {
  const [rows, cols] = entry.shape
  const { values, base } = entry
  expectPart(source, base, 'bitmask', [rows, maskRowBytes(cols)], 'u8')
  if (entry.rowOffsets) expectPart(source, base, 'row_offsets', [rows], 'i64')
  const fits = values.length === 1 ? values[0]! <= rows * cols : values.length === 2 && values[0] === rows
  if (fits) return entry
  throw new FormatError(
    'schema',
    `${partName(base, 'compressed')}: expected one list of at most ${rows * cols} values, got [${values}]`,
  )
}

function expectPart(source: TensorSource, base: string, part: Part, wanted: readonly number[], dtype?: DType): void {
  const name = partName(base, part)
  const found = source.info(name)
  if (found.shape.join() === wanted.join() && (dtype ?? found.dtype) === found.dtype) return
  throw new FormatError(
    'schema',
    `${name}: expected ${dtype ?? found.dtype} [${wanted}], got ${found.dtype} [${found.shape}]; the parts of the tensor do not fit`,
  )
}

/** Two whole numbers; also as a column, as compressed-tensors had it for 2:4. */
async function readPair(source: TensorSource, base: string, part: Part): Promise<readonly [number, number]> {
  const name = partName(base, part)
  const { dtype, shape } = source.info(name)
  if (!wholeTypes.includes(dtype) || !['2', '2,1'].includes(shape.join()))
    throw new FormatError('schema', `${name}: expected two whole numbers, got ${dtype} [${shape}]`)
  const [a, b] = wholeNumbers(await source.read(name), name)
  return [a!, b!]
}

/** @throws FormatError `overflow` for numbers that are not exact, or negative */
export function wholeNumbers({ data }: Tensor, name: string): number[] {
  return Array.from(data as ArrayLike<number | bigint>, value => {
    const number = Number(value)
    if (!Number.isSafeInteger(number) || number < 0)
      throw new FormatError('overflow', `${name}: expected whole numbers below 2^53, got ${value}`)
    return number
  })
}

async function readPattern(source: TensorSource, base: string, cols: number): Promise<KeptPattern> {
  const [kept, of] = await readPair(source, base, 'pattern')
  if (of < 2 || of > MAX_GROUP || kept < 1 || kept >= of || cols % of !== 0)
    throw new FormatError(
      'schema',
      `${partName(base, 'pattern')}: expected n:m with 1 ≤ n < m ≤ ${MAX_GROUP} where m divides ${cols} columns, got ${kept}:${of}`,
    )
  return { kept, of }
}
