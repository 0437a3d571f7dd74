import { type FileHandle, open } from 'node:fs/promises'
import { FormatError } from '../formats/format-error.ts'

/** A file that is read in pieces. */
export interface RandomAccessFile {
  readonly path: string
  /** Bytes, when it was opened. */
  readonly size: number
  /**
   * @param into memory for the bytes, `length` of them; default: new
   * @throws FormatError `truncated` when the file ends before `offset + length`
   */
  read(offset: number, length: number, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

export type OpenFile = (path: string) => Promise<RandomAccessFile>

/** Node refuses reads of 2 GiB and more; smaller pieces also keep libuv's threads free for others. */
const READ_PIECE = 64 * 2 ** 20

/** @throws FormatError `missing` when there is no such file, `path` when it is not a regular file */
export async function openFile(path: string): Promise<RandomAccessFile> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new FormatError('missing', `${path}: no such file`, { cause })
    throw new FormatError('path', `${path}: cannot be opened (${cause.code})`, { cause })
  })
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw new FormatError('path', `${path}: expected a file`)
  }
  return {
    path,
    size: stat.size,
    read: (offset, length, into) => readRange(handle, path, stat.size, offset, length, into),
    close: () => handle.close(),
  }
}

async function readRange(
  handle: FileHandle,
  path: string,
  size: number,
  offset: number,
  length: number,
  into?: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  // Checked before the allocation, so that a lying length costs nothing.
  if (offset + length > size) throw truncated(path, offset, length, size)
  const bytes = into ?? new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const piece = Math.min(READ_PIECE, length - done)
    const { bytesRead } = await handle.read(bytes, done, piece, offset + done)
    if (bytesRead === 0) throw truncated(path, offset, length, offset + done)
    done += bytesRead
  }
  return bytes
}

const truncated = (path: string, offset: number, length: number, size: number): FormatError =>
  new FormatError('truncated', `${path}: expected bytes ${offset} … ${offset + length}, but the file ends at ${size}`)
