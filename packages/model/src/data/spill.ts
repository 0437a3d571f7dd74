import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SinterError } from '../errors.ts'

/** Numbers in a file that goes when it is closed. */
export interface Spill {
  append(values: Int32Array): Promise<void>
  /** @param start number of the first value */
  read(start: number, count: number): Promise<Int32Array>
  close(): Promise<void>
}

/** @throws SinterError `disk-space` when the folder has no room, on `append` */
export async function createSpill(parent: string = tmpdir()): Promise<Spill> {
  const folder = await mkdtemp(join(parent, 'sinter-data-'))
  const file = await open(join(folder, 'tokens'), 'wx+')
  let end = 0
  return {
    async append(values) {
      const bytes = bytesOf(values)
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file
          .write(bytes, done, bytes.length - done, end)
          .catch(error => noRoom(error, folder))
        done += bytesWritten
        end += bytesWritten
      }
    },
    async read(start, count) {
      const values = new Int32Array(count)
      const bytes = bytesOf(values)
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, 4 * start + done)
        if (bytesRead === 0)
          throw new RangeError(`${folder}: expected ${count} tokens from ${start}; the file ends before`)
        done += bytesRead
      }
      return values
    },
    async close() {
      await file.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

function noRoom(cause: NodeJS.ErrnoException, folder: string): never {
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') throw cause
  throw new SinterError(
    'disk-space',
    `${folder}: no room for the tokens that do not fit into memory; name a folder with more (scratch), or allow more memory`,
    { cause },
  )
}
