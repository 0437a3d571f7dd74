/** Whether a name matches: `*` stands for any run of characters, `?` for one. */
export function matches(glob: string, name: string): boolean {
  // Not a regular expression: one made from many stars takes exponential time. Greedy matching with one way back is enough.
  let g = 0
  let star = -1
  let restart = 0
  for (let n = 0; n < name.length; ) {
    if (glob[g] === '?' || (glob[g] === name[n] && glob[g] !== '*')) {
      g++
      n++
    } else if (glob[g] === '*') {
      star = g++
      restart = n
    } else if (star >= 0) {
      g = star + 1
      n = ++restart
    } else return false
  }
  while (glob[g] === '*') g++
  return g === glob.length
}

/** Blocks of `0-3,7`, ascending. Undefined when one is not below `count`; backward ranges too. */
export function blocksOf(text: string, count: number): ReadonlySet<number> | undefined {
  const blocks = new Set<number>()
  for (const part of text.split(',')) {
    const [from = Number.NaN, to = from] = part.split('-').map(Number)
    if (!(from <= to && to < count)) return undefined
    for (let block = from; block <= to; block++) blocks.add(block)
  }
  return blocks
}
