/**
 * The byte alphabet of GPT-2: each of the 256 bytes has a printable character, so that text of any bytes is a string
 * without spaces or control characters. Bytes that are printable in Latin-1 stand for themselves; the other 68 take
 * U+0100 and up in order (so the space is Ġ).
 */

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)

/** The character of each byte. */
export const byteAlphabet: readonly string[] = buildAlphabet()
const byteOfChar: ReadonlyMap<string, number> = new Map(byteAlphabet.map((char, byte) => [char, byte]))

function buildAlphabet(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}

const utf8 = new TextEncoder()

/** The UTF-8 bytes of `text`, each as its character of the alphabet. */
export function toByteAlphabet(text: string): string {
  let mapped = ''
  for (const byte of utf8.encode(text)) mapped += byteAlphabet[byte]
  return mapped
}

/** The bytes that `token` stands for, or the token's own UTF-8 when some character of it is outside the alphabet. */
export function bytesOfToken(token: string): readonly number[] | Uint8Array {
  const bytes: number[] = []
  for (const char of token) {
    const byte = byteOfChar.get(char)
    if (byte === undefined) return utf8.encode(token)
    bytes.push(byte)
  }
  return bytes
}
