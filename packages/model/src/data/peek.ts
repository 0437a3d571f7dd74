import { isBlank, withoutMark } from './lines.ts'

export interface Peeked {
  /** The first line that is not blank, or as much of it as was looked at; empty when there is none. */
  readonly line: Uint8Array
  /** The whole stream again. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** Looks at the first line of a stream that can be read only once. @param limit bytes looked at, and one chunk more */
export async function peekLine(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]()
  const read: Uint8Array[] = []
  for (;;) {
    const next = await iterator.next()
    if (!next.done) read.push(next.value)
    const { bytes } = withoutMark({ bytes: Buffer.concat(read), offset: 0 })
    const line = firstLine(bytes)
    if (line) return { line, chunks: replay(read, iterator) }
    if (next.done || bytes.length > limit) return { line: bytes, chunks: replay(read, iterator) }
  }
}

function firstLine(bytes: Uint8Array): Uint8Array | undefined {
  let from = 0
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    const line = bytes.subarray(from, end)
    if (!isBlank(line)) return line
    from = end + 1
  }
  return undefined
}

async function* replay(read: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* read
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}
