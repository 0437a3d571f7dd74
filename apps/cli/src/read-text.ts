import { readFile } from 'node:fs/promises'
import { SinterError } from '@sinter/model'

/**
 * A text file that the user named.
 * @param flag as the user wrote it, for the message
 * @throws SinterError `evaluation` when there is no such file
 */
export async function readText(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder, not a text file' : String(code)
    throw new SinterError('evaluation', `${flag} ${path}: ${reason}; give a file with plain text (UTF-8)`, { cause })
  }
}
