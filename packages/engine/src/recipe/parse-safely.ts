import { z } from 'zod'

/**
 * `safeParse` of a value from anywhere. zod compares the length of what should have been a list or a text also where an object came, and throws
 * when that has a `length` that is no number.
 */
export function parseSafely<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value)
  } catch (error) {
    const path = lengthPath(value)
    if (!path) throw error
    const issue = { code: 'custom' as const, path: [...path], message: 'a length is a number here', input: value }
    return { success: false, error: new z.ZodError([issue]) as z.ZodError<T> }
  }
}

/** Where an object has a `length` that no number can be compared with. */
function lengthPath(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'length' && typeof inner === 'object') return [key]
    const path = lengthPath(inner)
    if (path) return [key, ...path]
  }
  return undefined
}
