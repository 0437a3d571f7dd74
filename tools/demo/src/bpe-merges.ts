/** Two neighbours by their numbers, and the token that they become. */
export interface Merge {
  readonly left: string
  readonly right: string
}

interface Word {
  readonly symbols: number[]
  readonly count: number
}

/**
 * Byte-pair merges (Sennrich et al., arXiv:1508.07909, Algorithm 1): again and again the most frequent pair of neighbours inside
 * a word becomes a token. Of equally frequent pairs the one with the smaller numbers goes first, so the result depends on
 * nothing but the counts. A word is counted once however often it comes, so a text of millions of words costs what its
 * vocabulary costs.
 * @param words each word in characters of `alphabet`, with how often it comes
 * @param alphabet tokens that there are already, in the order of their numbers
 * @param size of the vocabulary wanted; there are fewer when no pair is left
 */
export function bpeMerges(words: ReadonlyMap<string, number>, alphabet: readonly string[], size: number): Merge[] {
  const tokens = [...alphabet]
  const numbers = new Map(tokens.map((token, i) => [token, i]))
  const all = [...words].map(([word, count]): Word => ({ symbols: symbolsOf(word, numbers), count }))
  const merges: Merge[] = []
  while (tokens.length < size) {
    const pair = mostFrequentPair(all)
    if (!pair) break
    const [left, right] = pair.map(number => tokens[number]!) as [string, string]
    merges.push({ left, right })
    // Two ways of merging may spell the same token; it has one number.
    const known = numbers.get(left + right)
    const number = known ?? tokens.push(left + right) - 1
    numbers.set(left + right, number)
    for (const { symbols } of all) replacePair(symbols, pair, number)
  }
  return merges
}

function symbolsOf(word: string, numbers: ReadonlyMap<string, number>): number[] {
  return [...word].map(character => {
    const number = numbers.get(character)
    if (number === undefined)
      throw new RangeError(`the word ${JSON.stringify(word)}: ${character} is not in the alphabet`)
    return number
  })
}

type Pair = readonly [left: number, right: number]

function mostFrequentPair(words: readonly Word[]): Pair | undefined {
  const counts = new Map<number, number>()
  for (const { symbols, count } of words)
    for (let i = 0; i + 1 < symbols.length; i++) {
      const key = symbols[i]! * 2 ** 20 + symbols[i + 1]!
      counts.set(key, (counts.get(key) ?? 0) + count)
    }
  let best: number | undefined
  for (const [key, count] of counts) {
    const most = best === undefined ? 0 : counts.get(best)!
    if (count > most || (count === most && key < best!)) best = key
  }
  return best === undefined ? undefined : [Math.floor(best / 2 ** 20), best % 2 ** 20]
}

/** From left to right, in place. */
function replacePair(symbols: number[], [left, right]: Pair, number: number): void {
  let kept = 0
  for (let i = 0; i < symbols.length; i++) {
    const met = symbols[i] === left && symbols[i + 1] === right
    symbols[kept++] = met ? number : symbols[i]!
    if (met) i++
  }
  symbols.length = kept
}
