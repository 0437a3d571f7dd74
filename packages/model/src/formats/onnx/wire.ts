import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { FormatError } from '../format-error.ts'

/** One field of a protobuf message: a number, or the bytes of a text, a message or an array. */
export interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

/**
 * The fields of a message, as views of it.
 * @throws FormatError `truncated` when a field ends beyond the message, `schema` for wire types and numbers that ONNX does not use
 */
export const fields = (bytes: Uint8Array, where: string): Generator<Field> => each(bytes, where, nextField)

/** Numbers of a repeated field that were packed into one. @throws FormatError as `fields` does */
export const varints = (bytes: Uint8Array, where: string): Generator<number> =>
  each(bytes, where, reader => Number(reader.uint64()))

/** The same with all their bits: negative numbers are stored as their two's complement. */
export const varints64 = (bytes: Uint8Array, where: string): Generator<bigint> =>
  each(bytes, where, reader => BigInt(reader.uint64()))

function* each<T>(bytes: Uint8Array, where: string, next: (reader: BinaryReader) => T): Generator<T> {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    let value: T
    try {
      value = next(reader)
    } catch (cause) {
      const { message } = cause as Error
      const code = cause instanceof RangeError ? 'truncated' : 'schema'
      throw new FormatError(code, `${where}: not a sound protobuf: ${message}`, { cause })
    }
    yield value
  }
}

function nextField(reader: BinaryReader): Field {
  const [number, type] = reader.tag()
  switch (type) {
    case WireType.Varint:
      return { number, value: Number(reader.uint64()) }
    case WireType.LengthDelimited:
      return { number, value: reader.bytes() }
    case WireType.Bit64:
    case WireType.Bit32:
      return { number, value: reader.skip(type) }
    default:
      throw new Error(`wire type ${type}`)
  }
}
