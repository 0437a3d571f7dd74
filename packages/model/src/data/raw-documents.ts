import { dataError } from './data-error.ts'
import type { DataFormat } from './data-format.ts'
import { MAX_DOCUMENT_BYTES } from './limits.ts'
import { isBlank, type Line, readLines, withoutBreak, withoutMark } from './lines.ts'

/** A document as it lies in its file. */
export interface RawDocument {
  readonly bytes: Uint8Array
  /** Of the first byte. */
  readonly offset: number
  /** Of the first byte, from 1. */
  readonly line: number
}

/**
 * Cuts a stream into documents. JSON: a line each, blank ones left out. Text: the whole stream, or what lies between lines that are
 * equal to `separator`, without the line break before it.
 */
export function rawDocuments(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  format: DataFormat,
  separator?: string,
): AsyncGenerator<RawDocument> {
  if (format !== 'text') return jsonLines(chunks, name)
  return separator === undefined ? whole(chunks, name) : separated(chunks, name, new TextEncoder().encode(separator))
}

async function* jsonLines(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<RawDocument> {
  for await (const { bytes, offset, number } of readLines(chunks, name))
    if (!isBlank(bytes)) yield { bytes: withoutBreak(bytes), offset, line: number }
}

async function* whole(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<RawDocument> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    checkSize(size, name)
    parts.push(chunk)
  }
  const document = withoutMark({ bytes: Buffer.concat(parts), offset: 0, line: 1 })
  if (!isBlank(document.bytes)) yield document
}

async function* separated(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  separator: Uint8Array,
): AsyncGenerator<RawDocument> {
  let lines: Line[] = []
  let size = 0
  for await (const line of readLines(chunks, name)) {
    if (Buffer.compare(withoutBreak(line.bytes), separator) === 0) {
      yield* joined(lines)
      lines = []
      size = 0
    } else {
      size += line.bytes.length
      checkSize(size, `${name}:${lines[0]?.number ?? line.number}`)
      lines.push(line)
    }
  }
  yield* joined(lines)
}

function* joined(lines: readonly Line[]): Generator<RawDocument> {
  const bytes = withoutBreak(Buffer.concat(lines.map(line => line.bytes)))
  if (!isBlank(bytes)) yield { bytes, offset: lines[0]!.offset, line: lines[0]!.number }
}

function checkSize(size: number, where: string): void {
  if (size > MAX_DOCUMENT_BYTES)
    throw dataError(
      where,
      `the document is longer than ${MAX_DOCUMENT_BYTES} bytes, the most that is read; name the line that separates ` +
        'documents (separator, --separator) or divide the file',
    )
}
