import { SinterError } from '../errors.ts'
import type { Document } from './document.ts'
import { createIndex } from './document-index.ts'
import type { Documents } from './documents.ts'
import type { StoreOptions } from './token-store.ts'

/**
 * Documents from elsewhere than files: a teacher's answers, a test's.
 * @throws RangeError when one is malformed or has nothing to learn, SinterError `data` when there are none
 */
export async function collectDocuments(
  documents: Iterable<Document> | AsyncIterable<Document>,
  options?: StoreOptions,
): Promise<Documents> {
  const index = createIndex(options)
  try {
    for await (const document of documents)
      await index.add(document, { file: 0, line: index.count + 1, offset: 0, bytes: 0 })
    if (index.count > 0) return index.finish({ files: ['memory'], skipped: 0 })
    throw new SinterError('data', 'no documents were given; training needs one at least')
  } catch (error) {
    await index.close()
    throw error
  }
}
