import { open } from 'node:fs/promises'

/** A small file of a run's folder, which anybody may have written. @throws RangeError when it is larger than that; ENOENT and the like */
export async function readBounded(path: string, mostBytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > mostBytes) throw new RangeError(`${path}: expected at most ${mostBytes} bytes, got ${size}`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
