/**
 * Where two texts part: UTF-16 units that they have in common, never half a character.
 * Undefined when they are equal.
 */
export function firstDifference(a: string, b: string): number | undefined {
  if (a === b) return undefined
  const shorter = Math.min(a.length, b.length)
  let at = 0
  while (at < shorter && a[at] === b[at]) at++
  return isLowSurrogate(a, at) || isLowSurrogate(b, at) ? at - 1 : at
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit >= 0xdc00 && unit <= 0xdfff && at > 0
}
