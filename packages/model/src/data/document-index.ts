import { createHash } from 'node:crypto'
import { MAX_VOCAB } from '../tokenizer/limits.ts'
import type { Document } from './document.ts'
import type { DocumentEntry, Documents } from './documents.ts'
import { MAX_DOCUMENTS } from './limits.ts'
import { createTokenStore, type StoreOptions, type TokenStore } from './token-store.ts'

/** Where a document lies. */
export type DocumentPlace = Pick<DocumentEntry, 'file' | 'line' | 'offset' | 'bytes'>

export interface DocumentIndex {
  readonly count: number
  /** @throws RangeError when the document is malformed, has nothing to learn, or is one too many */
  add(document: Document, place: DocumentPlace): Promise<void>
  finish(about: Pick<Documents, 'files' | 'skipped'>): Documents
  close(): Promise<void>
}

/** Collects documents and what is to be said of all of them. */
export function createIndex(options?: StoreOptions): DocumentIndex {
  const store = createTokenStore(options)
  const columns = emptyColumns()
  const seen = new Uint8Array(MAX_VOCAB + 1)
  const all = createHash('sha256')
  let [tokens, targets, vocabulary] = [0, 0, 0]
  return {
    get count() {
      return columns.start.length
    },
    async add(document, place) {
      const learnt = checkDocument(document)
      const digest = digestOf(document)
      append(columns, { ...place, start: tokens, tokens: document.ids.length, targets: learnt, hash: hashOf(digest) })
      all.update(digest)
      tokens += document.ids.length
      targets += learnt
      for (const id of document.ids) {
        vocabulary += 1 - seen[id]!
        seen[id] = 1
      }
      await store.append(document)
    },
    finish: about =>
      documentsIn(store, columns, { ...about, tokens, targets, vocabulary, fingerprint: all.digest('hex') }),
    close: () => store.close(),
  }
}

/** `start` is a document's first token, over all documents. */
type Columns = { readonly [K in keyof DocumentEntry | 'start']: number[] }

/** Columns of numbers: an object for each of millions of documents would take more memory than their tokens. */
const emptyColumns = (): Columns => ({
  file: [],
  line: [],
  offset: [],
  bytes: [],
  tokens: [],
  targets: [],
  hash: [],
  start: [],
})

function append(columns: Columns, row: { readonly [K in keyof Columns]: number }): void {
  if (columns.start.length === MAX_DOCUMENTS)
    throw new RangeError(`a training set has at most ${MAX_DOCUMENTS} documents; divide it`)
  for (const [name, value] of Object.entries(row)) columns[name as keyof Columns].push(value)
}

function documentsIn(
  store: TokenStore,
  columns: Columns,
  about: Omit<Documents, 'count' | 'entry' | 'read' | 'close'>,
): Documents {
  return {
    ...about,
    count: columns.start.length,
    entry: document => entryOf(columns, document),
    async read(document, start = 0, count) {
      const { tokens } = entryOf(columns, document)
      const size = count ?? tokens - start
      if (!(start >= 0 && size >= 0 && start + size <= tokens))
        throw new RangeError(`document ${document} has ${tokens} tokens; asked for ${size} from ${start}`)
      return store.read(columns.start[document]! + start, size)
    },
    close: () => store.close(),
  }
}

function entryOf(columns: Columns, document: number): DocumentEntry {
  const at = (name: keyof Columns): number => {
    const value = columns[name][document]
    if (value === undefined)
      throw new RangeError(`document ${document}: there are the documents 0 … ${columns.start.length - 1}`)
    return value
  }
  const [file, line, offset, bytes] = [at('file'), at('line'), at('offset'), at('bytes')]
  return { file, line, offset, bytes, tokens: at('tokens'), targets: at('targets'), hash: at('hash') }
}

/** @returns how many tokens are to be learnt */
function checkDocument({ ids, targets }: Document): number {
  if (ids.length !== targets.length)
    throw new RangeError(`a document has ${ids.length} ids and ${targets.length} targets; expected as many`)
  const bad = ids.find(id => id < 0 || id > MAX_VOCAB)
  if (bad !== undefined) throw new RangeError(`a document has the id ${bad}; expected 0 … ${MAX_VOCAB}`)
  if (targets[0] === 1 || targets.some(target => target > 1))
    throw new RangeError('targets are 0 or 1, and that of token 0 is 0: nothing comes before it')
  const learnt = targets.reduce((sum, target) => sum + target, 0)
  if (learnt === 0) throw new RangeError(`a document of ${ids.length} tokens has none to learn`)
  return learnt
}

function digestOf({ ids, targets }: Document): Buffer {
  const bytes = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)
  return createHash('sha256').update(bytes).update(targets).digest()
}

const hashOf = (digest: Buffer): number => digest.readUInt32BE(0) * 2 ** 21 + (digest.readUInt32BE(4) >>> 11)
