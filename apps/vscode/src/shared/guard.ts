/** A message that is not what the protocol says; `at` is where in it. */
export class GuardError extends Error {
  override readonly name = 'GuardError'
}

/**
 * Looks at a value from elsewhere and gives it its type, or throws.
 * @throws GuardError with what was expected, what came and where
 */
export type Guard<T> = (value: unknown, at: string) => T

type Fields<T> = { readonly [K in keyof T]-?: Guard<T[K]> }

/** Keys that are not named are left behind: a newer side may send more. */
export function object<T extends object>(fields: Fields<T>): Guard<T> {
  const entries = Object.entries(fields) as [string, Guard<unknown>][]
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('an object', value, at)
    const found: Record<string, unknown> = {}
    for (const [key, guard] of entries) {
      const own = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
      const checked = guard(own, `${at}.${key}`)
      if (checked !== undefined) found[key] = checked
    }
    return found as T
  }
}

/** @param most entries that are taken, so that a message cannot make the reader do more work than was meant */
export function array<T>(item: Guard<T>, most: number): Guard<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw unexpected('an array', value, at)
    if (value.length > most) throw new GuardError(`${at}: expected at most ${most} entries, got ${value.length}`)
    return value.map((entry, i) => item(entry, `${at}[${i}]`))
  }
}

/** A text of at most so many UTF-16 units. */
export function text(most: number): Guard<string> {
  return (value, at) => {
    if (typeof value !== 'string') throw unexpected('a string', value, at)
    if (value.length > most) throw new GuardError(`${at}: expected at most ${most} characters, got ${value.length}`)
    return value
  }
}

/** JSON has no other numbers than finite ones. */
export const number: Guard<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unexpected('a number', value, at)
  return value
}

export function whole(least: number, most: number): Guard<number> {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
      throw unexpected(`a whole number from ${least} to ${most}`, value, at)
    return value as number
  }
}

export const boolean: Guard<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw unexpected('true or false', value, at)
  return value
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Guard<T> {
  return (value, at) => {
    if (!values.includes(value as T)) throw unexpected(`one of ${values.join(', ')}`, value, at)
    return value as T
  }
}

export const optional =
  <T>(guard: Guard<T>): Guard<T | undefined> =>
  (value, at) =>
    value === undefined ? undefined : guard(value, at)

export const nullable =
  <T>(guard: Guard<T>): Guard<T | null> =>
  (value, at) =>
    value === null ? null : guard(value, at)

/** Any object, unread. */
export const record: Guard<Readonly<Record<string, unknown>>> = (value, at) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('an object', value, at)
  return value as Readonly<Record<string, unknown>>
}

function unexpected(expected: string, value: unknown, at: string): GuardError {
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 60) ?? typeof value)
  return new GuardError(`${at}: expected ${expected}, got ${shown}`)
}
