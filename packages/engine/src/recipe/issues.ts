import { nearestName } from '@sinter/model'
import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/** One thing wrong with a value that was read: where, and what to do. */
export interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
  /**
   * What was probably meant: in place of the key that ends the path, or of the value there; the nearest name, or the bound that a
   * number has passed.
   */
  readonly instead?: { readonly of: 'key' | 'value'; readonly name: string | number } | undefined
}

/**
 * What a validation found, for people: what was expected and what came.
 * @param value that was validated
 * @param known keys that an object may have, for the nearest one to a key that it may not
 */
export function complaints(
  issues: readonly Issue[],
  value: unknown,
  known: (path: readonly PropertyKey[]) => readonly string[],
): Complaint[] {
  return issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map(key => ({ path: [...issue.path, key], ...unknownKey(key, known(issue.path)) }))
    const came = at(value, issue.path)
    return [{ path: issue.path, message: describeIssue(issue, came), instead: meant(issue, came) }]
  })
}

function unknownKey(key: string, known: readonly string[]): Pick<Complaint, 'message' | 'instead'> {
  const nearest = nearestName(key, known)
  const hint = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  const message = `unknown key ${JSON.stringify(key)}${hint} Known: ${known.join(', ')}`
  return { message, ...(nearest !== undefined && { instead: { of: 'key', name: nearest } }) }
}

function meant(issue: Issue, value: unknown): Complaint['instead'] {
  const name = meantValue(issue, value)
  return name === undefined ? undefined : { of: 'value', name }
}

function meantValue(issue: Issue, value: unknown): string | number | undefined {
  if (typeof value === 'number' && issue.code === 'too_big') return Number(issue.maximum)
  if (typeof value === 'number' && issue.code === 'too_small') return Number(issue.minimum)
  if (issue.code !== 'invalid_value') return undefined
  if (typeof value === 'string') return nearestName(value, issue.values.map(String))
  const [only, ...others] = issue.values
  return typeof only === 'number' && others.length === 0 ? only : undefined
}

function describeIssue(issue: Issue, value: unknown): string {
  const expected = expectation(issue, value)
  // A message of our own may have said what came.
  const said = typeof value === 'string' && issue.message.includes(value)
  if (expected === undefined) return said ? issue.message : `${issue.message}, got ${show(value)}`
  return value === undefined ? `expected ${expected}, but it is missing` : `expected ${expected}, got ${show(value)}`
}

function expectation(issue: Issue, value: unknown): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : `${article(issue.expected)} ${issue.expected}`
    case 'too_small':
      return `${amount(issue.origin)}at least ${issue.minimum}${issue.inclusive === false ? ' (exclusive)' : ''}`
    case 'too_big':
      return `${amount(issue.origin)}at most ${issue.maximum}${issue.inclusive === false ? ' (exclusive)' : ''}`
    case 'invalid_value':
      return choices(issue.values.map(String), value)
    case 'invalid_union':
      // Of a union by name: which names there are.
      return 'options' in issue && Array.isArray(issue.options) ? choices(issue.options.map(String), value) : undefined
    default:
      return undefined
  }
}

const article = (noun: string): string => (/^[aeiou]/.test(noun) ? 'an' : 'a')

const amount = (origin: string): string => (origin === 'array' || origin === 'string' ? `a length of ` : '')

function choices(values: readonly string[], value: unknown): string {
  const nearest = typeof value === 'string' && values.length > 1 ? nearestName(value, values) : undefined
  return `${values.length > 1 ? 'one of ' : ''}${values.join(', ')}${nearest ? ` (did you mean ${nearest}?)` : ''}`
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value
  for (const key of path)
    here = typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[key] : undefined
  return here
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** `steps[0].bits` */
export function showPath(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`)).join('')
}
