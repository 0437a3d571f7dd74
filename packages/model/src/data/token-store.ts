import type { Document } from './document.ts'
import { TOKEN_MEMORY } from './limits.ts'
import { createSpill, type Spill } from './spill.ts'

export interface StoreOptions {
  /** Bytes of memory for tokens, four each; default: `TOKEN_MEMORY`. What is beyond them is read from a file again. */
  readonly memory?: number | undefined
  /** Folder for that file, which takes four bytes a token; default: the system's for temporary files. */
  readonly scratch?: string | undefined
}

/** Tokens of all documents, one after the other. */
export interface TokenStore {
  append(document: Document): Promise<void>
  /** @param start number of the first token, over all documents */
  read(start: number, count: number): Promise<Document>
  close(): Promise<void>
}

/** Tokens that are kept, written and read together: 4 MiB. */
const CHUNK_TOKENS = 2 ** 20

/**
 * Kept as `2 · id + target`: one number a token, in memory and in the file. Text that is read again would have to be encoded
 * again, a whole document for each row of it; tokens are read where they lie, and a pipe has no second reading.
 * @param chunk tokens of a chunk, for tests
 */
export function createTokenStore(
  { memory = TOKEN_MEMORY, scratch }: StoreOptions = {},
  chunk: number = CHUNK_TOKENS,
): TokenStore {
  const kept: Int32Array[] = []
  const room = Math.floor(memory / (4 * chunk))
  let spill: Spill | undefined
  let filling = new Int32Array(chunk)
  let [filled, chunks] = [0, 0]

  const put = async (): Promise<void> => {
    if (kept.length < room) {
      kept.push(filling)
      filling = new Int32Array(chunk)
    } else {
      spill ??= await createSpill(scratch)
      await spill.append(filling)
    }
    chunks++
    filled = 0
  }
  const part = async (index: number, from: number, count: number): Promise<Int32Array> => {
    if (index === chunks) return filling.subarray(from, from + count)
    return kept[index]?.subarray(from, from + count) ?? spill!.read((index - kept.length) * chunk + from, count)
  }
  return {
    async append({ ids, targets }) {
      for (let t = 0; t < ids.length; t++) {
        filling[filled++] = 2 * ids[t]! + targets[t]!
        if (filled === chunk) await put()
      }
    },
    async read(start, count) {
      const packed = new Int32Array(count)
      for (let done = 0; done < count; ) {
        const from = (start + done) % chunk
        const size = Math.min(chunk - from, count - done)
        packed.set(await part(Math.floor((start + done) / chunk), from, size), done)
        done += size
      }
      return { ids: packed.map(value => value >> 1), targets: Uint8Array.from(packed, value => value & 1) }
    },
    close: async () => spill?.close(),
  }
}
