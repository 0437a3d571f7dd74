/** Levenshtein distance of two short names. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

/** The candidate that a misspelt name most likely means; the first of equals. Undefined when there are none. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  // Names read from a file may be of any length; the cost is the product of both.
  const short = name.slice(0, 64)
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(short, candidate)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}
