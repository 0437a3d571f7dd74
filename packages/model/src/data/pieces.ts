import type { Documents } from './documents.ts'

/** Stretches of documents that fit into a row, as columns. */
export interface Pieces {
  readonly document: Int32Array
  /** First token, in the document. */
  readonly start: Int32Array
  readonly size: Int32Array
  /** Documents longer than a row. */
  readonly cut: number
}

/**
 * Cuts documents longer than `length` into windows. A window begins with the last token of the one before it: that token is
 * not predicted there, so every token to learn is predicted once, and a window has two tokens at least. Windows with nothing
 * to learn (inside a long prompt) are left out, so that every row has something.
 */
export async function cutPieces(documents: Documents, chosen: Iterable<number>, length: number): Promise<Pieces> {
  const [document, start, size]: [number[], number[], number[]] = [[], [], []]
  let cut = 0
  for (const number of chosen) {
    const { tokens } = documents.entry(number)
    if (tokens > length) cut++
    const learns = tokens > length ? await learnsIn(documents, number) : () => true
    for (let at = 0; at < tokens - 1; at += length - 1) {
      const end = Math.min(at + length, tokens)
      if (!learns(at + 1, end)) continue
      document.push(number)
      start.push(at)
      size.push(end - at)
    }
  }
  return { document: Int32Array.from(document), start: Int32Array.from(start), size: Int32Array.from(size), cut }
}

/** Whether a token between two is to be learnt. Plain text, the common case of long documents, need not be read for it. */
async function learnsIn(documents: Documents, document: number): Promise<(from: number, to: number) => boolean> {
  const { tokens, targets } = documents.entry(document)
  if (targets === tokens - 1) return () => true
  const read = await documents.read(document)
  return (from, to) => read.targets.subarray(from, to).includes(1)
}
