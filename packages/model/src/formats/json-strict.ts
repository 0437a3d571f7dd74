import { FormatError } from './format-error.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/**
 * Parses JSON that nobody vouches for. Unlike `JSON.parse` it refuses a key that occurs twice in one object: two readers
 * that pick different occurrences would load different weights from one file.
 * @param where the file's name, for messages
 * @throws FormatError `json` on bad UTF-8 or bad syntax, `duplicate` on a repeated key
 */
export function parseJsonStrict(bytes: Uint8Array, where: string): Json {
  const text = decodeUtf8(bytes, where)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new FormatError('json', `${where}: not valid JSON (${(cause as Error).message})`, { cause })
  }
  const key = duplicateKey(text)
  if (key !== undefined) throw new FormatError('duplicate', `${where}: the key ${JSON.stringify(key)} occurs twice`)
  return value
}

/** @throws FormatError `json` when the bytes are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new FormatError('json', `${where}: not valid UTF-8`, { cause })
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** In text that is known to be valid JSON, a string before a colon is a key: no grammar is needed to find them. */
function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '{') objects.push(new Set())
    else if (char === '}') objects.pop()
    else if (char === '"') {
      const end = closingQuote(text, i)
      if (followedByColon(text, end + 1)) {
        const key = JSON.parse(text.slice(i, end + 1)) as string
        if (objects.at(-1)!.has(key)) return key
        objects.at(-1)!.add(key)
      }
      i = end
    }
  }
  return undefined
}

function closingQuote(text: string, open: number): number {
  let i = open + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

function followedByColon(text: string, from: number): boolean {
  let i = from
  while (i < text.length && ' \t\n\r'.includes(text[i]!)) i++
  return text[i] === ':'
}
