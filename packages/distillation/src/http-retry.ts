/** Before attempt 1, 2, … after the first, in milliseconds, when the server does not say. */
export const backoff = (attempt: number, random: () => number): number =>
  // Half of it is chance, so that many clients do not come back together.
  2000 * 2 ** (attempt - 1) * (0.5 + 0.5 * random())

/** A server that wants to be left alone for longer is not waited for by a program that somebody watches. */
const MOST_WAIT = 60_000

/** Timeouts, conflicts, too many requests, and whatever is the server's own fault: asking again may help. */
export const mayHelpAgain = (status: number): boolean => [408, 409, 425, 429].includes(status) || status >= 500

/**
 * How long to wait: what the server asks for (`retry-after-ms`, or `retry-after` in seconds or as a date), unless that is more
 * than a minute and more than the usual.
 * @param now milliseconds since 1970
 */
export function waitBefore(headers: Headers | undefined, usual: number, now: number): number {
  const asked = headers && askedFor(headers, now)
  return asked !== undefined && asked >= 0 && (asked < MOST_WAIT || asked < usual) ? asked : Math.min(usual, MOST_WAIT)
}

function askedFor(headers: Headers, now: number): number | undefined {
  const exact = headers.get('retry-after-ms')
  if (exact !== null && exact.trim() !== '' && Number.isFinite(Number(exact))) return Number(exact)
  const text = headers.get('retry-after')
  if (text === null || text.trim() === '') return undefined
  const seconds = Number(text)
  if (Number.isFinite(seconds)) return seconds * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
