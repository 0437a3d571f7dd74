import { type DType, dtypes, type ExternalData, onnxTypes } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { decodeUtf8 } from '../json-strict.ts'
import { keepTyped, typedData } from './typed-data.ts'
import { type Field, fields, varints } from './wire.ts'

/** A stored tensor of a model file. */
export interface Initializer {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Its bytes, or where they lie. */
  readonly data: Uint8Array | ExternalData
}

export interface ModelFile {
  readonly initializers: ReadonlyMap<string, Initializer>
  readonly metadata: ReadonlyMap<string, Uint8Array>
}

/** A model of 120 blocks has some 4000; deeper ones are not known. */
const MAX_INITIALIZERS = 2 ** 17
/** As in safetensors: no tensor of a language model has more than four. */
const MAX_RANK = 8
/** The file stays well below it; a name is a path of modules. */
const MAX_NAME_BYTES = 1024

/**
 * What a model file stores. Nodes are not looked at.
 * @throws FormatError for what is not protobuf, is cut off, or says of a tensor what cannot be
 */
export function parseModelFile(bytes: Uint8Array, where: string): ModelFile {
  const initializers = new Map<string, Initializer>()
  const metadata = new Map<string, Uint8Array>()
  let graphs = 0
  for (const { number, value } of fields(bytes, where)) {
    if (number === 14) {
      const [key, text] = entry(message(value, where), where)
      if (metadata.has(key))
        throw new FormatError('duplicate', `${where}: metadata ${JSON.stringify(key)} occurs twice`)
      metadata.set(key, text)
    }
    if (number !== 7) continue
    if (++graphs > 1) throw new FormatError('duplicate', `${where}: expected one graph`)
    readGraph(message(value, where), where, initializers)
  }
  if (graphs === 0) throw new FormatError('magic', `${where}: has no graph: not an ONNX model`)
  return { initializers, metadata }
}

function readGraph(bytes: Uint8Array, where: string, into: Map<string, Initializer>): void {
  for (const { number, value } of fields(bytes, where)) {
    if (number !== 5) continue
    const { name, ...found } = tensor(message(value, where), where)
    if (into.has(name)) throw new FormatError('duplicate', `${where}: initializer ${JSON.stringify(name)} occurs twice`)
    if (into.size >= MAX_INITIALIZERS)
      throw new FormatError('limit', `${where}: more than ${MAX_INITIALIZERS} initializers`)
    into.set(name, found)
  }
}

const dtypeOf = new Map(Object.entries(onnxTypes).map(([dtype, id]) => [id, dtype as DType]))

function tensor(bytes: Uint8Array, where: string): Initializer & { name: string } {
  const shape: number[] = []
  const external = new Map<string, string>()
  let [name, type, location] = ['', 0, 0]
  let raw: Uint8Array | undefined
  const typed: Field[] = []
  for (const { number, value } of fields(bytes, where)) {
    if (number === 1) for (const dim of typeof value === 'number' ? [value] : varints(value, where)) shape.push(dim)
    if (shape.length > MAX_RANK)
      throw new FormatError('limit', `${where}: a tensor of more than ${MAX_RANK} dimensions`)
    if (number === 2) type = whole({ number, value }, where)
    if (number === 8) name = nameOf(message(value, where), where)
    if (number === 9) raw = message(value, where)
    keepTyped({ number, value }, typed, where)
    if (number === 14) location = whole({ number, value }, where)
    if (number === 13) {
      const [key, text] = entry(message(value, where), where)
      if (external.has(key) || external.size > 8)
        throw new FormatError('duplicate', `${where}: external data of ${name}`)
      external.set(key, decodeUtf8(text, where))
    }
  }
  const dtype = dtypeOf.get(type)
  if (!dtype) throw new FormatError('dtype', `${where}: initializer ${JSON.stringify(name)} has the data type ${type}`)
  const inside = (): Uint8Array => raw ?? (typed.length > 0 ? typedData(dtype, typed, name, where) : new Uint8Array(0))
  const data = location === 1 ? externalData(external, name, where) : inside()
  checkSize({ dtype, shape, data }, name, where)
  return { name, dtype, shape, data }
}

function checkSize({ dtype, shape, data }: Initializer, name: string, where: string): void {
  const size = shape.reduce((product, dim) => product * dim, dtypes[dtype].bytes)
  if (!Number.isSafeInteger(size) || shape.some(dim => !Number.isSafeInteger(dim)))
    throw new FormatError('overflow', `${where}: initializer ${JSON.stringify(name)}: shape [${shape.join(', ')}]`)
  if (data.length !== size)
    throw new FormatError(
      'size',
      `${where}: initializer ${JSON.stringify(name)}: ${dtype} [${shape.join(', ')}] has ${size} bytes, got ${data.length}`,
    )
}

/** A file beside the model: anything that is more than a bare name could reach other files of the user. */
export function checkLocation(location: unknown, name: string, where: string): string {
  if (typeof location === 'string' && /^[^/\\:\0]+$/.test(location) && location !== '.' && location !== '..')
    return location
  throw new FormatError(
    'path',
    `${where}: ${JSON.stringify(name)}: expected the name of a file beside the model, got ${JSON.stringify(location)}`,
  )
}

function externalData(entries: ReadonlyMap<string, string>, name: string, where: string): ExternalData {
  const number = (key: string): number => {
    const value = entries.get(key)
    if (value !== undefined && /^\d{1,15}$/.test(value)) return Number(value)
    throw new FormatError(
      'offsets',
      `${where}: ${JSON.stringify(name)}: expected external ${key}, got ${JSON.stringify(value)}`,
    )
  }
  const location = checkLocation(entries.get('location'), name, where)
  return { location, offset: number('offset'), length: number('length') }
}

function entry(bytes: Uint8Array, where: string): [key: string, value: Uint8Array] {
  let key = ''
  let text: Uint8Array = new Uint8Array(0)
  for (const { number, value } of fields(bytes, where)) {
    if (number === 1) key = nameOf(message(value, where), where)
    if (number === 2) text = message(value, where)
  }
  return [key, text]
}

function nameOf(bytes: Uint8Array, where: string): string {
  if (bytes.length > MAX_NAME_BYTES) throw new FormatError('limit', `${where}: a name of ${bytes.length} bytes`)
  return decodeUtf8(bytes, where)
}

function message(value: Field['value'], where: string): Uint8Array {
  if (typeof value !== 'number') return value
  throw new FormatError('schema', `${where}: expected a message or a text, got a number`)
}

function whole({ number, value }: Field, where: string): number {
  if (typeof value === 'number') return value
  throw new FormatError('schema', `${where}: expected field ${number} to be a number`)
}
