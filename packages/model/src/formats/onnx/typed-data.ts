import { type DType, dtypes } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { type Field, varints64 } from './wire.ts'

/** Such values are shapes and constants of graphs that were put together by hand; whole weights are stored as raw bytes. */
const MAX_NUMBERS = 2 ** 20

/** Fields of a TensorProto that hold its values one by one: numbers of fixed size, or of the length that each needs. */
const fixed: ReadonlyMap<number, DType> = new Map([
  [4, 'f32'],
  [10, 'f64'],
])
const whole: ReadonlyMap<number, readonly DType[]> = new Map([
  [5, ['i32', 'i16', 'i8', 'u16', 'u8', 'bool', 'f16', 'bf16']],
  [7, ['i64']],
  [11, ['u64', 'u32']],
])

/** Keeps a field that holds values. @throws FormatError `limit` for more fields than constants have values */
export function keepTyped(field: Field, kept: Field[], where: string): void {
  if (!fixed.has(field.number) && !whole.has(field.number)) return
  if (kept.length >= MAX_NUMBERS) throw tooMany(where)
  kept.push(field)
}

const tooMany = (where: string): FormatError =>
  new FormatError('limit', `${where}: an initializer with more than ${MAX_NUMBERS} values outside of raw data`)

/**
 * The bytes of values that lie in fields of their type instead of `raw_data` (onnx.proto, TensorProto).
 * @throws FormatError `dtype` when the fields are those of another type, `limit` for more of them than constants have
 */
export function typedData(dtype: DType, data: readonly Field[], name: string, where: string): Uint8Array {
  const other = data.find(({ number }) => fixed.get(number) !== dtype && !whole.get(number)?.includes(dtype))
  if (other)
    throw new FormatError(
      'dtype',
      `${where}: initializer ${JSON.stringify(name)}: ${dtype} in the field ${other.number}`,
    )
  if (fixed.has(data[0]!.number)) return joined(data.map(({ value }) => bytesIn(value, name, where)))
  return packed(dtype, numbersIn(data, name, where))
}

function bytesIn(value: Field['value'], name: string, where: string): Uint8Array {
  if (typeof value !== 'number') return value
  throw new FormatError('schema', `${where}: initializer ${JSON.stringify(name)}: a whole number among floats`)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function numbersIn(data: readonly Field[], name: string, where: string): bigint[] {
  const numbers: bigint[] = []
  for (const { value } of data)
    for (const number of typeof value === 'number' ? [exact(value, name, where)] : varints64(value, where)) {
      if (numbers.length >= MAX_NUMBERS) throw tooMany(where)
      numbers.push(number)
    }
  return numbers
}

/** A number on its own has lost its low bits where it is large or negative; writers pack these fields. */
function exact(value: number, name: string, where: string): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value)
  throw new FormatError('schema', `${where}: initializer ${JSON.stringify(name)}: ${value} is not packed`)
}

/** The low bytes of each number, which for negative ones are those of its two's complement. */
function packed(dtype: DType, numbers: readonly bigint[]): Uint8Array {
  const { bytes } = dtypes[dtype]
  const out = new Uint8Array(numbers.length * bytes)
  const cell = new BigUint64Array(1)
  const low = new Uint8Array(cell.buffer, 0, bytes)
  numbers.forEach((number, i) => {
    cell[0] = number
    out.set(low, i * bytes)
  })
  return out
}
