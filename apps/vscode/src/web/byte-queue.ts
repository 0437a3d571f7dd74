export interface ByteQueue extends AsyncIterable<Uint8Array> {
  push(bytes: Uint8Array): void
}

/** Pieces that come by message, for one who reads a stream. It has no end. */
export function byteQueue(): ByteQueue {
  const pieces: Uint8Array[] = []
  let wake: (() => void) | undefined
  return {
    push(bytes) {
      pieces.push(bytes)
      wake?.()
    },
    async *[Symbol.asyncIterator]() {
      while (true) {
        for (let next = pieces.shift(); next; next = pieces.shift()) yield next
        await new Promise<void>(resolve => (wake = resolve))
      }
    },
  }
}
