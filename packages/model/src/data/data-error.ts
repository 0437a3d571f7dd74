import { SinterError } from '../errors.ts'

/** @param where file and line */
export const dataError = (where: string, message: string, options?: ErrorOptions): SinterError =>
  new SinterError('data', `${where}: ${message}`, options)

/** What came instead of what was expected. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return (
    { string: 'a text', number: 'a number', boolean: `${value}`, object: 'an object' }[typeof value as string] ?? '?'
  )
}

/** The beginning of a line, for a message. */
export function excerpt(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 60)).trimEnd()
  return JSON.stringify(bytes.length > 60 ? `${text}…` : text)
}
