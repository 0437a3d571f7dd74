import { type FileHandle, mkdir, open, rename, rm, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FormatError } from '../formats/format-error.ts'

/** A file that appears under its name only when it is complete and on the disk. */
export interface AtomicFile {
  readonly path: string
  /** Writes all bytes at a position. @throws FormatError `disk-full` */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Flushes, renames, and flushes the folder: after this a power cut keeps the file. */
  commit(): Promise<void>
  /** Removes what was written. Harmless after `commit`. */
  abort(): Promise<void>
}

/** Large enough to keep a disk busy, small enough that a full disk is noticed early. */
const WRITE_PIECE = 16 * 2 ** 20

/**
 * Bytes after which the system is asked to put on the disk what it has, while more is made: at the end there is little left to
 * wait for. A gigabyte written at once would keep `commit` waiting for a second or two.
 */
const FLUSH_PIECE = 32 * 2 ** 20

/** The name under which an unfinished file is built: hidden, and the same at every try so that a killed one is replaced. */
export const partialPath = (path: string): string => join(dirname(path), `.${basename(path)}.partial`)

/**
 * Starts an atomic file.
 * @param needed the bytes that it will have in the end, for the message when the disk is full
 */
export async function createAtomicFile(path: string, needed: number): Promise<AtomicFile> {
  const partial = partialPath(path)
  const handle = await open(partial, 'w').catch((cause: NodeJS.ErrnoException) => {
    throw new FormatError('output', `${path}: cannot be written (${cause.code})`, { cause })
  })
  let open_ = true
  let dirty = 0
  let flushing: Promise<void> | undefined
  const flushAhead = (bytes: number): void => {
    dirty += bytes
    if (flushing || dirty < FLUSH_PIECE) return
    dirty = 0
    flushing = handle.datasync()
    // A failure stays in `flushing` for `commit` to find: the system tells of it once.
    flushing.then(
      () => (flushing = undefined),
      () => {},
    )
  }
  const abort = async (): Promise<void> => {
    if (!open_) return
    open_ = false
    await handle.close().catch(() => {})
    await rm(partial, { force: true })
  }
  const guarded = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action()
    } catch (cause) {
      await abort()
      throw await explain(cause as NodeJS.ErrnoException, path, needed)
    }
  }
  return {
    path,
    write: (bytes, position) =>
      guarded(async () => {
        await writeAll(handle, bytes, position)
        flushAhead(bytes.length)
      }),
    commit: () =>
      guarded(async () => {
        await flushing
        await handle.sync()
        await handle.close()
        await rename(partial, path)
        open_ = false
        await syncFolder(dirname(path))
      }),
    abort,
  }
}

/** Writes a small file so that a reader sees the old content or the new, never a part. @throws FormatError `disk-full` */
export async function atomicWriteFile(path: string, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const file = await createAtomicFile(path, bytes.length)
  await file.write(bytes, 0)
  await file.commit()
}

/** Makes the names in a folder durable. Not every platform lets a folder be opened; there it is left to the system. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return
  await handle.sync().catch(() => {})
  await handle.close()
}

/** Makes a folder and its parents. @throws FormatError `output` when that is not allowed */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new FormatError('output', `${path}: the folder cannot be made (${cause.code})`, { cause })
  })
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const piece = Math.min(WRITE_PIECE, bytes.length - done)
    const { bytesWritten } = await handle.write(bytes, done, piece, position + done)
    done += bytesWritten
  }
}

async function explain(cause: NodeJS.ErrnoException, path: string, needed: number): Promise<Error> {
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') return cause
  const folder = await statfs(dirname(path)).catch(() => undefined)
  const free = folder ? `${folder.bavail * folder.bsize} are free` : 'fewer are free'
  return new FormatError(
    'disk-full',
    `${path}: the disk is full: the file needs ${needed} bytes and ${free}. Nothing was kept of it; make room and run again`,
    { cause },
  )
}
