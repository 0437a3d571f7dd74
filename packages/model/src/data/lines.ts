import { dataError } from './data-error.ts'
import { MAX_LINE_BYTES } from './limits.ts'

/** A line with its line break. */
export interface Line {
  readonly bytes: Uint8Array
  /** Of its first byte in the stream. */
  readonly offset: number
  /** From 1. */
  readonly number: number
}

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/**
 * The lines of a stream, of which no more than a line and a chunk is held.
 * @throws SinterError `data` at a line longer than `MAX_LINE_BYTES`
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Line> {
  let [offset, number, held] = [0, 1, 0]
  let parts: Uint8Array[] = []
  const hold = (part: Uint8Array): void => {
    held += part.length
    if (held > MAX_LINE_BYTES) throw lineTooLong(`${name}:${number}`)
    parts.push(part)
  }
  const finish = (): Line => {
    const line = { bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts), offset, number }
    offset += held
    number++
    held = 0
    parts = []
    return line.offset === 0 ? withoutMark(line) : line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      hold(chunk.subarray(from, at + 1))
      from = at + 1
      yield finish()
    }
    if (from < chunk.length) hold(chunk.subarray(from))
  }
  if (held > 0) yield finish()
}

export const lineTooLong = (where: string): Error =>
  dataError(
    where,
    `the line is longer than ${MAX_LINE_BYTES} bytes, the most that is read; expected one document a line`,
  )

/** The byte order mark that some editors put before a UTF-8 text is no part of it. */
export function withoutMark<T extends { readonly bytes: Uint8Array; readonly offset: number }>(piece: T): T {
  const [a, b, c] = piece.bytes
  if (a !== 0xef || b !== 0xbb || c !== 0xbf) return piece
  return { ...piece, bytes: piece.bytes.subarray(3), offset: piece.offset + 3 }
}

/** Without the line break at its end. */
export function withoutBreak(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  if (bytes[end - 1] === LINE_FEED) end--
  if (bytes[end - 1] === CARRIAGE_RETURN) end--
  return bytes.subarray(0, end)
}

/** Space, tab and line breaks only. */
export const isBlank = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 32 || (byte >= 9 && byte <= 13))
