/** Ceilings on what a training set may ask for. What is beyond one is refused before anything is allocated for it. */

/** Bytes of a line. Whole books in one JSON line take a few million. */
export const MAX_LINE_BYTES: number = 16 * 2 ** 20

/**
 * Bytes of one document. enwik8, the longest text that people train on in one piece, has 100 million. While a document is
 * encoded, its bytes, its text and its ids are in memory together, some six times as much.
 */
export const MAX_DOCUMENT_BYTES: number = 128 * 2 ** 20

/** Documents of a set. TinyStories has 2.1 million; a JavaScript Set, which finds the duplicates, ends here. */
export const MAX_DOCUMENTS: number = 2 ** 24

/** Files of a folder. The largest published sets have some ten thousand shards. */
export const MAX_FILES: number = 2 ** 17

/** Folders inside folders. */
export const MAX_FOLDER_DEPTH: number = 32

/** Turns of a conversation: the mask renders its beginning again for each, so the work grows with the square. */
export const MAX_MESSAGES: number = 1024

/** Tokens of a row, and rows of a batch times tokens of a row. Contexts of published models end at 2²⁰ … 2²³. */
export const MAX_LENGTH: number = 2 ** 23
export const MAX_BATCH_TOKENS: number = 2 ** 27

/** Bytes of memory for tokens, four each; what is beyond them goes to a file. 128 million tokens, ten times what a laptop trains on. */
export const TOKEN_MEMORY: number = 512 * 2 ** 20
