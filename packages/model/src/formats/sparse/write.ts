import type { DType, Tensor } from '@sinter/tensor-core'
import { createWeightsWriter, type WeightsWriter } from '../hf-write.ts'
import type { SafetensorsSpec } from '../safetensors-layout.ts'
import { SPARSE_STEM } from './config.ts'
import { baseOf, partSpecs } from './layout.ts'
import { rawBits } from './raw-bits.ts'
import { chooseForm, type Scan, type SparseForm, type SparseLayout, scanRows, startScan } from './scan.ts'
import { writeParts } from './write-parts.ts'

/** Tensors to be written. They are gone through twice: the header must say how many elements are not zero. */
export interface SparseInput {
  readonly names: readonly string[]
  readonly info: (name: string) => { readonly dtype: DType; readonly shape: readonly number[] }
  /** A tensor by rows, in order and without gaps; the same at every call. */
  readonly pieces: (name: string) => AsyncIterable<{ readonly start: number; readonly rows: Tensor }>
}

export interface SparseWriteOptions {
  /** `smallest`: for each matrix the form that takes the fewest bytes. `bitmask`: what compressed-tensors up to 0.14 reads. */
  readonly layout?: SparseLayout
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: (done: number, total: number) => void
  readonly maxShardBytes?: number
}

/** A matrix that was stored sparse. */
export interface SparseStored {
  readonly name: string
  /** `bitmask`, or the pattern: `2:4`. */
  readonly form: string
  readonly elements: number
  /** Elements that are not zero. */
  readonly kept: number
}

/**
 * Writes weights into a folder, sparse where that is smaller: `model.sparse.safetensors`, or `model.safetensors` in
 * compressed-tensors' layout. One piece is in memory at a time.
 */
export async function writeSparseWeights(
  folder: string,
  input: SparseInput,
  options: SparseWriteOptions = {},
): Promise<readonly SparseStored[]> {
  const { layout = 'smallest', onTensor, maxShardBytes } = options
  const planned = await planAll(input, options)
  const stem = layout === 'smallest' ? SPARSE_STEM : 'model'
  const specs = planned.flatMap(({ specs }) => specs)
  const writer = createWeightsWriter(folder, specs, { stem, ...(maxShardBytes !== undefined && { maxShardBytes }) })
  try {
    for (const [i, tensor] of planned.entries()) {
      options.signal?.throwIfAborted()
      await (tensor.form ? writeSparse(writer, input, tensor) : writeDense(writer, input, tensor.name))
      onTensor?.(i + 1, planned.length)
    }
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
  return planned.flatMap(({ name, form, elements, kept }) =>
    form ? [{ name, form: formName(form), elements, kept }] : [],
  )
}

const formName = (form: SparseForm): string =>
  form.kind === 'bitmask' ? 'bitmask' : `${form.pattern.kept}:${form.pattern.of}`

interface Planned {
  readonly name: string
  readonly specs: readonly SafetensorsSpec[]
  /** Absent: plain numbers. */
  readonly form?: SparseForm
  readonly elements: number
  readonly kept: number
}

async function planAll(input: SparseInput, options: SparseWriteOptions): Promise<Planned[]> {
  const planned: Planned[] = []
  for (const name of input.names) {
    options.signal?.throwIfAborted()
    planned.push(await planTensor(input, name, options))
  }
  return planned
}

async function planTensor(input: SparseInput, name: string, options: SparseWriteOptions): Promise<Planned> {
  const { dtype, shape } = input.info(name)
  const dense: Planned = { name, specs: [{ name, dtype, shape }], elements: 0, kept: 0 }
  const [rows = 0, cols = 0] = shape
  const matrix = shape.length === 2 && rows > 0 && cols > 0 && name.endsWith('.weight')
  if (!matrix) return dense
  const scan = await scanTensor(input, name, cols)
  const form = scan && chooseForm(scan, [rows, cols], dtype, options.layout ?? 'smallest')
  if (!form) return dense
  const specs = partSpecs(baseOf(name), dtype, [rows, cols], form, scan.kept)
  return { name, specs, form, elements: rows * cols, kept: scan.kept }
}

async function scanTensor(input: SparseInput, name: string, cols: number): Promise<Scan | undefined> {
  const scan = startScan(cols)
  for await (const { rows } of input.pieces(name)) {
    const bits = rawBits(rows)
    if (!bits) return undefined
    scanRows(scan, bits)
  }
  return scan
}

async function writeDense(writer: WeightsWriter, input: SparseInput, name: string): Promise<void> {
  const { shape } = input.info(name)
  for await (const { start, rows } of input.pieces(name))
    await (rows.shape.join() === shape.join() ? writer.write(name, rows) : writer.writeRows(name, start, rows))
}

const writeSparse = (writer: WeightsWriter, input: SparseInput, tensor: Planned): Promise<void> =>
  writeParts(writer, input, tensor.name, input.info(tensor.name).shape as readonly [number, number], tensor.form!)
