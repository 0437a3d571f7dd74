import { dirname, join } from 'node:path'
import { dtypes, sizeOf, type Tensor, toF32, type Weight } from '@sinter/tensor-core'
import { openFile, type RandomAccessFile } from '../../io/file.ts'
import { FormatError } from '../format-error.ts'
import { tensorOf } from '../safetensors.ts'
import { checkRows, type TensorInfo, type TensorSource } from '../source.ts'
import { turned } from '../transposed.ts'

import { formOf, readForm } from './forms.ts'
import { parseMetadata, type StoredModel, type TensorRecord } from './metadata.ts'
import { type Initializer, parseModelFile } from './model-file.ts'
import { rowsOf } from './source-of.ts'
import type { Take } from './weight-form.ts'

/** A graph without its weights: those of the largest models have some megabytes. */
const MAX_MODEL_BYTES = 256 * 2 ** 20
/** transformers.js looks for a hundred files of data. */
const MAX_DATA_FILES = 128

export interface OnnxTensorSource extends TensorSource {
  readonly kind: 'onnx'
  weight(name: string): Promise<Weight | undefined>
}

/**
 * Opens a model that `writeOnnx` wrote, as a checkpoint. Weights are not read.
 * @param path the model file, `…/onnx/model_q4.onnx`
 * @throws FormatError for files of others, for data that are missing or cut off, and for locations outside the folder
 */
export async function openOnnx(path: string): Promise<OnnxTensorSource> {
  return openOnnxBytes(await readModelFile(path), path, besideModel(path))
}

/**
 * Opens any model file: its initializers as they are stored, by the names of its graph.
 * @throws FormatError as `openOnnx` does, and for initializers that are not raw bytes or a part of a file
 */
export async function openOnnxInitializers(path: string): Promise<TensorSource> {
  const { initializers } = parseModelFile(await readModelFile(path), path)
  const { files, close } = await openData(path, initializers, besideModel(path))
  const records = new Map([...initializers].map(([name, { shape }]) => [name, plainRecord(name, shape)]))
  return sourceOver(path, { records, tensors: initializers }, files, close)
}

const plainRecord = (name: string, shape: readonly number[]): TensorRecord => ({
  shape,
  form: { kind: 'plain', values: name },
})

const besideModel =
  (path: string) =>
  (location: string): Promise<RandomAccessFile> =>
    openFile(join(dirname(path), location))

async function readModelFile(path: string): Promise<Uint8Array> {
  const file = await openFile(path)
  try {
    if (file.size > MAX_MODEL_BYTES)
      throw new FormatError('limit', `${path}: ${file.size} bytes; a model file of at most ${MAX_MODEL_BYTES} is read`)
    return await file.read(0, file.size)
  } finally {
    await file.close()
  }
}

/** The same over bytes that are at hand. @param open a data file by its name, which is a bare one */
export async function openOnnxBytes(
  bytes: Uint8Array,
  path: string,
  open: (location: string) => Promise<RandomAccessFile>,
): Promise<OnnxTensorSource> {
  const model = parseOnnx(bytes, path)
  const { files, close } = await openData(path, model.tensors, open)
  return sourceOver(path, model, files, close)
}

interface DataFiles {
  readonly files: ReadonlyMap<string, RandomAccessFile>
  close(): Promise<void>
}

/** The files that stored tensors lie in, every one long enough for them. */
async function openData(
  path: string,
  tensors: ReadonlyMap<string, Initializer>,
  open: (location: string) => Promise<RandomAccessFile>,
): Promise<DataFiles> {
  const files = new Map<string, RandomAccessFile>()
  const close = async (): Promise<void> => {
    for (const file of files.values()) await file.close()
  }
  try {
    for (const [name, { data }] of tensors) {
      if (data instanceof Uint8Array) continue
      const { location, offset, length } = data
      let file = files.get(location)
      if (!file) {
        if (files.size >= MAX_DATA_FILES)
          throw new FormatError('limit', `${path}: more than ${MAX_DATA_FILES} data files`)
        files.set(location, (file = await open(location)))
      }
      if (offset + length > file.size)
        throw new FormatError(
          'truncated',
          `${file.path}: ends at ${file.size}, but ${JSON.stringify(name)} lies beyond`,
        )
    }
  } catch (error) {
    await close()
    throw error
  }
  return { files, close }
}

/** A model file as a checkpoint, from its bytes. @throws FormatError as `openOnnx` does */
export const parseOnnx = (bytes: Uint8Array, where: string): StoredModel =>
  parseMetadata(parseModelFile(bytes, where), where)

function sourceOver(
  path: string,
  { records, tensors }: StoredModel,
  files: ReadonlyMap<string, RandomAccessFile>,
  close: () => Promise<void>,
): OnnxTensorSource {
  const record = (name: string): TensorRecord => {
    const found = records.get(name)
    if (!found) throw new FormatError('missing', `${path}: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  const stored = (name: string): Initializer => {
    const found = tensors.get(name)
    if (!found) throw new FormatError('missing', `${path}: has no stored tensor ${JSON.stringify(name)}`)
    return found
  }
  const bytes = async ({ data }: Initializer, start: number, count: number): Promise<Uint8Array> =>
    data instanceof Uint8Array
      ? data.slice(start, start + count)
      : files.get(data.location)!.read(data.offset + start, count)
  const take: Take = async name => {
    const found = stored(name)
    return tensorOf(found.dtype, found.shape, await bytes(found, 0, found.data.length))
  }
  const takeRows = async (name: string, start: number, count: number): Promise<Tensor> => {
    const found = stored(name)
    checkRows(name, found.shape, start, count)
    const row = sizeOf(found.shape.slice(1)) * dtypes[found.dtype].bytes
    return tensorOf(found.dtype, [count, ...found.shape.slice(1)], await bytes(found, start * row, count * row))
  }
  const whole = (name: string): Promise<Weight> => soundly(path, name, () => readForm(record(name).form, take))
  const read = async (name: string): Promise<Tensor> => {
    const { form, shape, flipped } = record(name)
    const { numbers } = formOf(form)
    const values = numbers ? await numbers(form, take) : (await whole(name)).dense()
    return expectShape(path, name, shape, flipped ? turned(values) : values)
  }
  return {
    kind: 'onnx',
    names: () => [...records.keys()],
    has: name => records.has(name),
    info: name => infoOf(record(name), stored),
    read,
    async readRows(name, start, count) {
      const { form, shape } = record(name)
      const { byRows, numbers } = formOf(form)
      checkRows(name, shape, start, count)
      if (!byRows?.(form) || count === 0) return rowsOf(name, await read(name), start, count)
      const rows: Take = part => takeRows(part, start, count)
      if (numbers) return numbers(form, rows)
      return toF32((await soundly(path, name, () => readForm({ ...form, rows: count }, rows))).dense())
    },
    async weight(name) {
      const { form, shape, flipped } = record(name)
      if (formOf(form).numbers) return undefined
      const weight = await whole(name)
      expectShape(path, name, flipped ? shape.toReversed() : shape, weight)
      return weight
    },
    close,
  }
}

/** Weights check what they are made of with errors of their own, which do not know the file. */
async function soundly<T>(path: string, name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (cause) {
    if (cause instanceof FormatError) throw cause
    throw new FormatError('schema', `${path}: ${JSON.stringify(name)}: ${(cause as Error).message}`, { cause })
  }
}

function expectShape<T extends { readonly shape: readonly number[] }>(
  path: string,
  name: string,
  shape: readonly number[],
  got: T,
): T {
  if (got.shape.join() === shape.join()) return got
  throw new FormatError('size', `${path}: ${JSON.stringify(name)}: expected [${shape}], stored is [${got.shape}]`)
}

function infoOf({ shape, form }: TensorRecord, stored: (name: string) => Initializer): TensorInfo {
  const { encoding, parts } = formOf(form)
  const found = parts(form).map(stored)
  const bytes = found.reduce((sum, { data }) => sum + data.length, 0)
  if (encoding) return { encoding: encoding(form), dtype: 'f32', shape, bytes }
  const { dtype } = found[0]!
  return { encoding: dtype.toUpperCase(), dtype, shape, bytes }
}
