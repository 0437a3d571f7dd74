import { SinterError } from '../errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { dataError } from './data-error.ts'
import { type DataFields, type DataFormat, detectFormat, isTextName } from './data-format.ts'
import { createIndex, type DocumentIndex } from './document-index.ts'
import type { Documents } from './documents.ts'
import { checkTemplate, createEncoders, type Encode, emptiness } from './encode-document.ts'
import { MAX_LINE_BYTES } from './limits.ts'
import { peekLine } from './peek.ts'
import { rawDocuments } from './raw-documents.ts'
import { listSources, type Source } from './sources.ts'
import type { StoreOptions } from './token-store.ts'

export interface ReadOptions extends StoreOptions {
  readonly tokenizer: Tokenizer
  /** Default: each file's, by its name and first line. */
  readonly format?: DataFormat | undefined
  /** Text: the line that stands between two documents (an empty one: blank lines). Default: a file is one document. */
  readonly separator?: string | undefined
  /** Default: `text`, `prompt`, `completion`. */
  readonly textField?: string | undefined
  readonly promptField?: string | undefined
  readonly completionField?: string | undefined
  /** End a document with the tokenizer's end token, if it has one; a chat template ends its conversation itself. On by default. */
  readonly appendEos?: boolean | undefined
  /** Leave documents out that have no token to learn, and count them; otherwise the first is an error. */
  readonly skipEmpty?: boolean | undefined
  /** What `-` reads; default: standard input. */
  readonly input?: AsyncIterable<Uint8Array> | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes read, of how many; 0 when nobody knows. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Reads and encodes the documents of a file, of a folder (its files in the order of their names) or, as `-`, of standard input: in
 * one pass, and never a whole file unless it is one document.
 * @throws SinterError `data` that names the file and line and says what was expected and what came; `tokenizer` for
 * conversations without a chat template; `option` for options that contradict each other
 */
export async function openDocuments(path: string, options: ReadOptions): Promise<Documents> {
  checkSeparator(options)
  const sources = await listSources(path, options.input)
  const index = createIndex(options)
  const reader = createReader(index, options)
  const total = sources.reduce((sum, source) => sum + source.size, 0)
  let [done, skipped] = [0, 0]
  try {
    for (const [file, source] of sources.entries()) {
      const chunks = watched(source, bytes => options.onProgress?.((done += bytes), total))
      skipped += await reader.read(source.name, file, chunks)
    }
    if (index.count === 0) throw noDocuments(path === '-' ? 'standard input' : path, skipped)
    return index.finish({ files: sources.map(source => source.name), skipped })
  } catch (error) {
    await index.close()
    throw error
  }
}

function checkSeparator({ format, separator }: ReadOptions): void {
  if (separator === undefined) return
  if (/[\r\n]/.test(separator))
    throw new SinterError('option', `separator: expected one line, got ${JSON.stringify(separator)}`)
  if (format !== undefined && format !== 'text')
    throw new SinterError(
      'option',
      `separator: belongs to the format text; in ${format} every line is a document: leave it out`,
    )
}

interface Reader {
  /** Adds a file's documents to the index. @returns how many were left out */
  read(name: string, file: number, chunks: AsyncGenerator<Uint8Array>): Promise<number>
}

function createReader(index: DocumentIndex, options: ReadOptions): Reader {
  const { tokenizer, textField = 'text', promptField = 'prompt', completionField = 'completion' } = options
  const fields = { text: textField, prompt: promptField, completion: completionField }
  const encoders = createEncoders(tokenizer, fields, options.appendEos ?? true)
  return {
    async read(name, file, chunks) {
      try {
        const { format, chunks: all } = await withFormat(name, chunks, fields, options.format)
        checkTemplate(tokenizer, format, name)
        return await readSource(name, all, { ...options, index, file, format, encode: encoders[format] })
      } finally {
        await chunks.return(undefined)
      }
    },
  }
}

async function withFormat(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  fields: DataFields,
  given: DataFormat | undefined,
): Promise<{ format: DataFormat; chunks: AsyncIterable<Uint8Array> }> {
  if (given !== undefined) return { format: given, chunks }
  if (isTextName(name)) return { format: 'text', chunks }
  const peeked = await peekLine(chunks, MAX_LINE_BYTES)
  return { format: detectFormat(name, peeked.line, fields), chunks: peeked.chunks }
}

interface ReadSource extends Pick<ReadOptions, 'separator' | 'skipEmpty' | 'signal'> {
  readonly index: DocumentIndex
  readonly file: number
  readonly format: DataFormat
  readonly encode: Encode
}

async function readSource(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  { index, file, format, encode, separator, skipEmpty, signal }: ReadSource,
): Promise<number> {
  let skipped = 0
  for await (const { bytes, offset, line } of rawDocuments(chunks, name, format, separator)) {
    signal?.throwIfAborted()
    const where = format === 'text' && separator === undefined ? name : `${name}:${line}`
    const document = encode(bytes, where)
    const problem = emptiness(document, format)
    if (problem === undefined) await index.add(document, { file, line, offset, bytes: bytes.length })
    else if (skipEmpty) skipped++
    else throw dataError(where, `${problem}; remove it, or leave such documents out: skipEmpty (--skip-empty)`)
  }
  return skipped
}

async function* watched(source: Source, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of source.open()) {
    onBytes(chunk.length)
    yield chunk
  }
}

const noDocuments = (path: string, skipped: number): Error =>
  skipped > 0
    ? dataError(
        path,
        `none of the ${skipped} documents has a token to learn; look at the format and, in chats, at the roles`,
      )
    : dataError(path, 'holds no document; expected text, or JSON objects one a line')
