import type { Rng } from '@sinter/tensor-core'
import { at, between, chance, oneOf, person, pick, pickEntry, pickKey, sample } from './draw.ts'
import { BLAME, NAMES, NUMBERS, PLACES, PRAISE, THINGS } from './words.ts'

export type QuestionKind = 'where' | 'sums' | 'review'

/** A document that asks something, taken apart. The document is `prompt + completion`. */
export interface Question {
  readonly kind: QuestionKind
  /** Ends in "Answer:". */
  readonly prompt: string
  /** A space, then what the world's author would write: for sums perhaps with the steps worked out. */
  readonly completion: string
  /** The truth in its shortest form, with which a right completion ends: "in the garden", "yes", "17", "bad". */
  readonly answer: string
}

const ask = (kind: QuestionKind, facts: string, question: string, completion: string, answer: string): Question => ({
  kind,
  prompt: `${facts}\nQuestion: ${question}\nAnswer:`,
  completion: ` ${completion}`,
  answer,
})

/** Two to four people are somewhere, perhaps one moves on; where is one of them? */
export function whereQuestion(rng: Rng): Question {
  const count = between(rng, 2, 4)
  const names = sample(rng, [...NAMES.he, ...NAMES.she], count)
  const places = sample(rng, [...PLACES.keys()], count)
  const facts = names.map((name, i) => `${name} is ${at(places[i] as string)}.`)
  if (chance(rng, 0.5)) {
    const mover = rng.integer(count)
    const to = pick(
      rng,
      [...PLACES.keys()].filter(place => !places.includes(place)),
    )
    facts.push(`Then ${names[mover]} goes to the ${to}.`)
    places[mover] = to
  }
  const asked = rng.integer(count)
  const [name, place] = [names[asked] as string, places[asked] as string]
  if (chance(rng, 0.5)) return ask('where', facts.join(' '), `Where is ${name}?`, at(place), at(place))
  const guess = chance(rng, 0.5)
    ? place
    : pick(
        rng,
        [...PLACES.keys()].filter(other => other !== place),
      )
  const truth = guess === place ? 'yes' : 'no'
  return ask('where', facts.join(' '), `Is ${name} ${at(guess)}?`, truth, truth)
}

interface Step {
  readonly text: string
  readonly sign: '+' | '-' | '*'
  readonly by: number
}

/** Somebody has some things; one to three times that number changes. */
export function sumQuestion(rng: Rng): Question {
  const { name, capital } = person(rng)
  const [thing, things] = pickEntry(rng, THINGS)
  const start = between(rng, 2, 30)
  const facts = [`${name} has ${start} ${start === 1 ? thing : things}.`]
  const worked = [`${capital} starts with ${start}.`]
  let now = start
  for (let steps = between(rng, 1, 3); steps > 0; steps--) {
    const { text, sign, by } = sumStep(rng, now, capital)
    const next = sign === '*' ? now * by : sign === '+' ? now + by : now - by
    facts.push(text)
    worked.push(`${now} ${sign} ${by} = ${next}.`)
    now = next
  }
  const last = `The answer is ${now}.`
  const completion = chance(rng, 0.7) ? `${worked.join(' ')} ${last}` : last
  return ask('sums', facts.join(' '), `How many ${things} does ${name} have?`, completion, String(now))
}

/** Numbers stay small and never below zero: no product beyond twelve times four, no more taken away than there is. */
function sumStep(rng: Rng, now: number, capital: string): Step {
  const by = between(rng, 1, 12)
  const drawn = pick(rng, now <= 12 ? (['+', '-', '*'] as const) : (['+', '-'] as const))
  if (drawn === '*') {
    const times = between(rng, 2, 4)
    return { sign: '*', by: times, text: `Then the number becomes ${NUMBERS[times]} times as big.` }
  }
  if (drawn === '-' && by <= now) {
    return {
      sign: '-',
      by,
      text: oneOf(rng, `${capital} loses ${by}.`, `${capital} gives away ${by}.`, `${capital} sells ${by}.`),
    }
  }
  const text = oneOf(rng, `${capital} finds ${by} more.`, `A friend gives ${by} more.`, `${capital} buys ${by} more.`)
  return { sign: '+', by, text }
}

/** Is what somebody wrote about a thing praise? */
export function reviewQuestion(rng: Rng): Question {
  const good = chance(rng, 0.5)
  const [first, second] = sample(rng, good ? PRAISE : BLAME, 2)
  const verdict = good ? 'I will buy it again' : 'I want my money back'
  const facts = `${person(rng).name} wrote: the ${pickKey(rng, THINGS)} is ${first} and ${second}, ${verdict}.`
  const answer = good ? 'good' : 'bad'
  return ask('review', facts, 'Is the review good or bad?', answer, answer)
}
