import type { Document } from './document.ts'

/** Where a document came from, and what it holds. */
export interface DocumentEntry {
  /** Number in `files`. */
  readonly file: number
  /** Of its first byte: the line, from 1, and the offset in the file. */
  readonly line: number
  readonly offset: number
  /** Its length in the file. */
  readonly bytes: number
  readonly tokens: number
  readonly targets: number
  /** 53 bits of SHA-256 over ids and targets: equal for documents that a model cannot tell apart. */
  readonly hash: number
}

/** The documents of a training set, encoded, each with at least one token to learn. Ordered as they were read. */
export interface Documents {
  readonly count: number
  /** Of all documents. */
  readonly tokens: number
  readonly targets: number
  /** Documents that were left out because they had nothing to learn. */
  readonly skipped: number
  /** How many different tokens occur. */
  readonly vocabulary: number
  readonly files: readonly string[]
  /** SHA-256 over all ids and targets, hexadecimal: what a run that is resumed compares. */
  readonly fingerprint: string
  /** @throws RangeError when there is no such document */
  entry(document: number): DocumentEntry
  /** Tokens `start … start + count` of a document; default: all. @throws RangeError outside the document */
  read(document: number, start?: number, count?: number): Promise<Document>
  close(): Promise<void>
}
