import { FormatError } from '../format-error.ts'

/** One field of a protobuf message: a number, or the bytes of a text, a message or an array. */
export interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

const bad = (where: string, what: string): FormatError =>
  new FormatError('schema', `${where}: not a sound protobuf: ${what}`)

/**
 * The fields of a message, as views of it.
 * @throws FormatError `truncated` when a field ends beyond the message, `schema` for wire types and numbers that ONNX does not use
 */
export function* fields(bytes: Uint8Array, where: string): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let i = 0, scale = 1; i < 10; i++, scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new FormatError('truncated', `${where}: a number ends beyond its message`)
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    throw bad(where, 'a number of more than ten bytes')
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at)
      throw new FormatError(
        'truncated',
        `${where}: a field of ${length} bytes, but its message ends after ${bytes.length - at}`,
      )
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    if (number < 1 || number > 2 ** 29 - 1) throw bad(where, `field number ${number}`)
    const type = tag % 8
    if (type === 0) yield { number, value: varint() }
    else if (type === 1) yield { number, value: take(8) }
    else if (type === 2) yield { number, value: take(varint()) }
    else if (type === 5) yield { number, value: take(4) }
    else throw bad(where, `wire type ${type}`)
  }
}

/** Numbers of a repeated field that were packed into one. */
export function* varints(bytes: Uint8Array, where: string): Generator<number> {
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 127) * scale
    scale *= 128
    if (byte < 128) {
      yield value
      value = 0
      scale = 1
    } else if (scale > 2 ** 63) throw bad(where, 'a number of more than ten bytes')
  }
  if (scale !== 1) throw new FormatError('truncated', `${where}: a number ends beyond its message`)
}

/** The same with all their bits: negative numbers are stored as their two's complement. */
export function* varints64(bytes: Uint8Array, where: string): Generator<bigint> {
  let value = 0n
  let shift = 0n
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128) {
      yield BigInt.asUintN(64, value)
      value = 0n
      shift = 0n
    } else if (shift > 63n) throw bad(where, 'a number of more than ten bytes')
  }
  if (shift !== 0n) throw new FormatError('truncated', `${where}: a number ends beyond its message`)
}
