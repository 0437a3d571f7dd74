export interface LineReaderOptions {
  /** A longer line is dropped, and told of once. */
  readonly maxBytes: number
  readonly onLine: (line: string) => void
  readonly onTooLong: () => void
}

/** Cuts a stream of bytes into lines of UTF-8. What is kept of an unfinished line never exceeds the ceiling. */
export function createLineReader({ maxBytes, onLine, onTooLong }: LineReaderOptions): (chunk: Uint8Array) => void {
  let parts: Uint8Array[] = []
  let size = 0
  let dropping = false
  const keep = (part: Uint8Array): void => {
    if (dropping) return
    size += part.length
    if (size <= maxBytes) return void parts.push(part)
    parts = []
    dropping = true
    onTooLong()
  }
  const end = (): void => {
    const line = dropping ? '' : decode(parts, size)
    parts = []
    size = 0
    dropping = false
    if (line.trim() !== '') onLine(line)
  }
  return chunk => {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, at))
      end()
      from = at + 1
    }
    if (from < chunk.length) keep(chunk.slice(from))
  }
}

function decode(parts: readonly Uint8Array[], size: number): string {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return new TextDecoder().decode(bytes)
}
