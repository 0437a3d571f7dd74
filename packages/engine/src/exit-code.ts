import { FormatError, type FormatErrorCode, SinterError } from '@sinter/model'
import { RunError } from './run/run-error.ts'

/** Files that cannot be written are another matter for a script than files that cannot be read. */
const noRoom: readonly FormatErrorCode[] = ['output', 'disk-full']
const noPermission: readonly (string | undefined)[] = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT']

/**
 * What a program that stops because of this error exits with: 2 the request makes no sense, 3 what was given to read is no
 * good, 4 no room or no permission, 130 interrupted, 1 anything that nobody foresaw.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof SinterError) return error.exitCode
  if (error instanceof FormatError) return noRoom.includes(error.code) ? 4 : 3
  if (error instanceof RunError) return 2
  if (!(error instanceof Error)) return 1
  if (error.name === 'AbortError') return 130
  const { code } = error as NodeJS.ErrnoException
  if (noPermission.includes(code)) return 4
  if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return 3
  return error instanceof RangeError ? 3 : 1
}
