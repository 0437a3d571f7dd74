import type { Rng } from '@sinter/tensor-core'
import { between, chance, pickEntry } from './draw.ts'
import { DAYS, KIND, MONTHS, NUMBERS, OPPOSITES, THINGS } from './words.ts'

/** Two to six facts in a row. */
export const facts = (rng: Rng): string => Array.from({ length: between(rng, 2, 6) }, () => fact(rng)).join(' ')

function fact(rng: Rng): string {
  switch (rng.integer(6)) {
    case 0: {
      const [animal, kind] = pickEntry(rng, KIND)
      return `${animal === 'owl' ? 'An' : 'A'} ${animal} is ${kind === 'amphibian' ? 'an' : 'a'} ${kind}.`
    }
    case 1:
      return `The day after ${following(rng, DAYS)}.`
    case 2:
      return `The month after ${following(rng, MONTHS)}.`
    case 3: {
      const pair = pickEntry(rng, OPPOSITES)
      const [first, second] = chance(rng, 0.5) ? pair : [pair[1], pair[0]]
      return `The opposite of ${first} is ${second}.`
    }
    case 4: {
      const [thing, things] = pickEntry(rng, THINGS)
      return `One ${thing}, two ${things}.`
    }
    default: {
      const number = rng.integer(12)
      return `The number after ${NUMBERS[number]} is ${NUMBERS[number + 1]}.`
    }
  }
}

/** "Sunday is Monday": days and months go round. */
function following(rng: Rng, cycle: readonly string[]): string {
  const at = rng.integer(cycle.length)
  return `${cycle[at]} is ${cycle[(at + 1) % cycle.length]}`
}
