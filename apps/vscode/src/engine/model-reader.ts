import { asMatrix, summarizeGroups, tensorDifference, tensorValues } from '@sinter/eval'
import {
  type Checkpoint,
  FormatError,
  openCheckpoint,
  openGguf,
  openOnnx,
  openOnnxInitializers,
  openSafetensors,
  openSafetensorsIndex,
  type TensorSource,
} from '@sinter/model'
import { sizeOf, toF32 } from '@sinter/tensor-core'
import type { ComparedTensor, EncodingShare, ModelHeader, ModelReader, TensorRow } from '../shared/model-reader.ts'
import { factsOf, metadataOf } from './model-facts.ts'
import { valuesOf } from './read-values.ts'

/** Tensors in one answer: half a megabyte of JSON, so that whoever takes it apart is not held up. */
const MAX_PAGE = 5000
/** More than can be looked at. */
const MAX_GROUPS = 4096

interface OpenModel {
  readonly source: TensorSource
  readonly names: readonly string[]
}

/** The reader over files of this machine. Errors are those of `@sinter/model`, which name the file and what is wrong with it. */
export function createModelReader(): ModelReader & { dispose(): Promise<void> } {
  const stored = sharedFiles(async path => {
    const source = await openStored(path)
    return { source, names: source.names(), close: () => source.close() }
  })
  const compared = sharedFiles(openCompared)
  const source = async (path: string): Promise<TensorSource> => (await stored.get(path)).source

  return {
    async open(path) {
      const model = await stored.open(path)
      return headerOf(path, model)
    },
    async tensors(path, start, count) {
      const { source, names } = await stored.get(path)
      return names.slice(start, start + Math.min(count, MAX_PAGE)).map(name => rowOf(source, name))
    },
    async stats(path, tensor, options, control) {
      const from = await source(path)
      const counter = tensorValues(from.info(tensor).shape, options)
      for await (const values of valuesOf(from, tensor, control)) counter.add(values)
      return counter.result()
    },
    async rowGroups(path, tensor, row, groupSize) {
      const values = await matrixRow(await source(path), tensor, row)
      return summarizeGroups(values.subarray(0, groupSize * MAX_GROUPS), groupSize)
    },
    async compare(before, after) {
      const [a, b] = [(await compared.open(before)).source, (await compared.open(after)).source]
      const [namesA, namesB] = [a.names(), b.names()]
      return {
        both: namesA.filter(name => b.has(name)).map(name => comparedTensor(name, a, b)),
        onlyBefore: namesA.filter(name => !b.has(name)),
        onlyAfter: namesB.filter(name => !a.has(name)),
      }
    },
    async difference(before, after, tensor, control) {
      const [a, b] = [(await compared.get(before)).source, (await compared.get(after)).source]
      requireShape(tensor, a.info(tensor).shape, b.info(tensor).shape)
      const counter = tensorDifference()
      for await (const [x, y] of together(valuesOf(a, tensor, control), valuesOf(b, tensor))) counter.add(x, y)
      return counter.result()
    },
    close: path => stored.close(path),
    /** Closes every file, whoever has it open. */
    async dispose() {
      await stored.closeAll()
      await compared.closeAll()
    },
    async endComparison(before, after) {
      await compared.close(before)
      await compared.close(after)
    },
  }
}

function openStored(path: string): Promise<TensorSource> {
  if (path.endsWith('.gguf')) return openGguf(path)
  if (path.endsWith('.onnx')) return openAnyOnnx(path)
  return path.endsWith('.json') ? openSafetensorsIndex(path) : openSafetensors(path)
}

/** By the names of the checkpoint where that can be told, which takes a config.json or a known architecture; else as stored. */
async function openCompared(path: string): Promise<Pick<Checkpoint, 'source' | 'close'>> {
  try {
    return await openCheckpoint(path)
  } catch (error) {
    if (!(error instanceof FormatError && ['missing', 'unsupported'].includes(error.code))) throw error
    const source = await openStored(path)
    return { source, close: () => source.close() }
  }
}

/** An export of ours as the checkpoint that it stands for; a model of others as the initializers of its graph. */
async function openAnyOnnx(path: string): Promise<TensorSource> {
  try {
    return await openOnnx(path)
  } catch (error) {
    if (error instanceof FormatError && error.code === 'unsupported') return openOnnxInitializers(path)
    throw error
  }
}

interface SharedFiles<T> {
  open(path: string): Promise<T>
  get(path: string): Promise<T>
  close(path: string): Promise<void>
  closeAll(): Promise<void>
}

/** Files that several viewers may have open. One that was refused is tried again the next time. */
function sharedFiles<T extends Pick<Checkpoint, 'close'>>(open: (path: string) => Promise<T>): SharedFiles<T> {
  const files = new Map<string, { readonly file: Promise<T>; opens: number }>()
  const entry = (path: string) => {
    let found = files.get(path)
    if (found) return found
    files.set(path, (found = { file: open(path), opens: 0 }))
    found.file.catch(() => files.delete(path))
    return found
  }
  const closeOne = async (path: string): Promise<void> => {
    const file = files.get(path)?.file
    files.delete(path)
    await file?.then(open => open.close()).catch(() => {})
  }
  return {
    open(path) {
      const found = entry(path)
      found.opens++
      return found.file
    },
    get: path => entry(path).file,
    async close(path) {
      const found = files.get(path)
      if (found && --found.opens <= 0) await closeOne(path)
    },
    async closeAll() {
      for (const path of [...files.keys()]) await closeOne(path)
    },
  }
}

async function headerOf(path: string, { source, names }: OpenModel): Promise<ModelHeader> {
  const shares = new Map<string, { -readonly [K in keyof EncodingShare]: EncodingShare[K] }>()
  for (const name of names) {
    const { encoding, values, bytes } = rowOf(source, name)
    const share = shares.get(encoding) ?? { encoding, tensors: 0, values: 0, bytes: 0 }
    shares.set(encoding, share)
    share.tensors++
    share.values += values
    share.bytes += bytes
  }
  const encodings = [...shares.values()].sort((a, b) => b.bytes - a.bytes)
  return {
    kind: source.kind,
    tensors: names.length,
    values: encodings.reduce((sum, { values }) => sum + values, 0),
    bytes: encodings.reduce((sum, { bytes }) => sum + bytes, 0),
    encodings,
    facts: await factsOf(path, source),
    metadata: metadataOf(source),
  }
}

function rowOf(source: TensorSource, name: string): TensorRow {
  const { shape, encoding, bytes } = source.info(name)
  return { name, shape, encoding, values: sizeOf(shape), bytes }
}

function comparedTensor(name: string, a: TensorSource, b: TensorSource): ComparedTensor {
  const [before, after] = [rowOf(a, name), rowOf(b, name)]
  return { name, before, after }
}

function requireShape(name: string, a: readonly number[], b: readonly number[]): void {
  if (a.join() !== b.join())
    throw new RangeError(
      `${JSON.stringify(name)} is [${a}] in one model and [${b}] in the other: there is no difference to measure`,
    )
}

/** A row of the last axis. Only the row of the first axis that holds it is read. */
async function matrixRow(source: TensorSource, name: string, row: number): Promise<Float32Array> {
  const { shape } = source.info(name)
  const [rows, columns] = asMatrix(shape)
  if (!(Number.isSafeInteger(row) && row >= 0 && row < rows))
    throw new RangeError(`tensor ${JSON.stringify(name)} has ${rows} rows, there is no row ${row}`)
  if (shape.length < 2) return toF32(await source.read(name)).data
  const inner = rows / shape[0]!
  const { data } = toF32(await source.readRows(name, Math.floor(row / inner), 1))
  const at = (row % inner) * columns
  return data.subarray(at, at + columns)
}

/** Two streams of values in pieces of one length. */
async function* together(
  a: AsyncGenerator<Float32Array>,
  b: AsyncGenerator<Float32Array>,
): AsyncGenerator<[Float32Array, Float32Array]> {
  let [x, y] = [new Float32Array(0), new Float32Array(0)]
  while (true) {
    if (x.length === 0) x = (await a.next()).value ?? x
    if (y.length === 0) y = (await b.next()).value ?? y
    const length = Math.min(x.length, y.length)
    if (length === 0) return
    yield [x.subarray(0, length), y.subarray(0, length)]
    x = x.subarray(length)
    y = y.subarray(length)
  }
}
