import { dataError } from './data-error.ts'

/** @throws SinterError `data` at bytes that are not UTF-8 */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw dataError(where, 'expected UTF-8 text, got other bytes; is it packed, or in another encoding (iconv)?', {
      cause,
    })
  }
}
