import { FormatError, type RandomAccessFile } from '@sinter/model'

/** Bytes as a file, as readers get one from the disk. */
export function memoryFile(bytes: Uint8Array): RandomAccessFile {
  return {
    path: 'file',
    size: bytes.length,
    read: async (offset, length, into) => {
      if (offset + length > bytes.length)
        throw new FormatError('truncated', `file: expected bytes ${offset} … ${offset + length}, has ${bytes.length}`)
      const part = into ?? new Uint8Array(length)
      part.set(bytes.subarray(offset, offset + length))
      return part
    },
    close: async () => {},
  }
}
