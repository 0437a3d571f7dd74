import { type Cut, createCutter } from './cut.ts'
import { createMerger, type MergeSymbols } from './merge.ts'
import { createMergeTable, type Merge } from './merge-table.ts'

/** The model part of a BPE tokenizer, ids resolved. */
export interface BpeModel {
  readonly vocab: ReadonlyMap<string, number>
  readonly merges: readonly Merge[]
  /** Token strings of both sides of each merge: they say where no merge can reach across. */
  readonly mergeParts: readonly (readonly [string, string])[]
  readonly unk: number | undefined
  readonly fuseUnk: boolean
  /** A character without a token becomes its UTF-8 bytes `<0xE2>` …, if the vocabulary has them. */
  readonly byteFallback: boolean
  /** A piece that is a token is that token, whatever its merges would give. */
  readonly ignoreMerges: boolean
}

/** Appends the ids of one piece to `out`. */
export type EncodePiece = (piece: string, out: number[]) => void

/**
 * V8 keeps a slice of 13 characters or more as a view of the whole text, so a cache of longer pieces would keep every
 * text alive that was ever encoded. Pieces that repeat often are short.
 */
const CACHED_LENGTH = 12
/** Distinct pieces kept; about 10 MB. A text of 2 MB has some 30,000. */
const CACHED_PIECES = 65_536
/** Below this many characters merging is cheaper than looking for places to cut. */
const CUT_LENGTH = 24

/**
 * Byte-pair encoding of one piece.
 * @param finish what is left to do to a piece before its characters are looked up; runs on cache misses only
 */
export function createBpe(model: BpeModel, finish: (piece: string) => string): EncodePiece {
  // Taken apart, so that the closures below do not keep the lists of merges alive.
  const { vocab, ignoreMerges } = model
  const mergePart = createMergePart(createSymbols(model), createMerger(createMergeTable(model.merges)))
  const cut: Cut = createCutter(vocab, model.mergeParts)
  return cached(createEncodeWhole({ vocab, ignoreMerges, finish, mergePart, cut }))
}

interface Stages {
  readonly vocab: ReadonlyMap<string, number>
  readonly ignoreMerges: boolean
  readonly finish: (piece: string) => string
  readonly mergePart: EncodePiece
  readonly cut: Cut
}

function createEncodeWhole({ vocab, ignoreMerges, finish, mergePart, cut }: Stages): EncodePiece {
  const cachedPart = cached(mergePart)
  return (piece, out) => {
    const finished = finish(piece)
    const token = ignoreMerges ? vocab.get(finished) : undefined
    if (token !== undefined) out.push(token)
    else if (finished.length < CUT_LENGTH) mergePart(finished, out)
    else cut(finished, part => cachedPart(part, out))
  }
}

const createMergePart =
  (symbols: Symbols, merge: MergeSymbols): EncodePiece =>
  (part, out) => {
    const count = symbols.read(part)
    const ids = symbols.ids()
    const left = merge(ids, count)
    for (let i = 0; i < left; i++) out.push(ids[i] as number)
  }

/** Remembers the ids of short pieces. When full it starts over: simpler than ageing, and a text of any length stays bounded. */
function cached(encode: EncodePiece): EncodePiece {
  const known = new Map<string, readonly number[]>()
  return (piece, out) => {
    if (piece.length > CACHED_LENGTH) return encode(piece, out)
    let ids = known.get(piece)
    if (ids === undefined) {
      const fresh: number[] = []
      encode(piece, fresh)
      if (known.size >= CACHED_PIECES) known.clear()
      known.set(piece, fresh)
      ids = fresh
    }
    for (let i = 0; i < ids.length; i++) out.push(ids[i] as number)
  }
}

interface Symbols {
  /** Reads the ids of the characters of `part`; returns how many. */
  read(part: string): number
  ids(): Int32Array
}

const utf8 = new TextEncoder()

function createSymbols({ vocab, unk, fuseUnk, byteFallback }: BpeModel): Symbols {
  const byteIds = byteFallback ? findByteIds(vocab) : undefined
  let ids = new Int32Array(256)
  let count = 0
  let pendingUnk = false

  const add = (id: number): void => {
    ids[count++] = id
  }
  const flushUnk = (): void => {
    if (pendingUnk) add(unk as number)
    pendingUnk = false
  }
  const addUnknown = (char: string): void => {
    const bytes = byteIds && [...utf8.encode(char)].map(byte => byteIds[byte])
    if (bytes?.every(id => id !== undefined)) for (const id of bytes) add(id)
    else if (unk !== undefined) {
      if (!fuseUnk) flushUnk()
      pendingUnk = true
    }
  }

  const read = (part: string): number => {
    count = 0
    // No character gives more than 4 bytes of UTF-8 (3 for each UTF-16 unit).
    if (ids.length < 3 * part.length + 1) ids = new Int32Array(6 * part.length)
    for (const char of part) {
      const id = vocab.get(char)
      if (id === undefined) addUnknown(char)
      else {
        flushUnk()
        add(id)
      }
    }
    flushUnk()
    return count
  }
  return { read, ids: () => ids }
}

const findByteIds = (vocab: ReadonlyMap<string, number>): (number | undefined)[] =>
  Array.from({ length: 256 }, (_, byte) => vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`))
