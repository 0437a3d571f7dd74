import type { Rng } from '@sinter/tensor-core'
import { at, between, chance, oneOf, type Person, person, pick, pickEntry, pickKey } from './draw.ts'
import { ANIMALS, COLOURS, DAYS, FEELINGS, MONTHS, NUMBERS, PLACES, SIZES, THINGS, VERBS, WEATHER } from './words.ts'

/** What stays the same through one story. */
interface Scene {
  readonly hero: Person
  readonly friend: Person
  readonly weather: string
  readonly place: string
  readonly thing: string
  readonly colour: string
  readonly size: string
  readonly animal: string
  readonly feeling: string
  readonly verb: string
  readonly past: string
}

/** A short story: an opening, perhaps the weather, a find, one to four things that happen, an end. */
export function story(rng: Rng): string {
  const scene = drawScene(rng)
  const sentences = [opening(rng, scene)]
  if (chance(rng, 0.6)) sentences.push(WEATHER.get(scene.weather) as string)
  sentences.push(find(rng, scene))
  const events = between(rng, 1, 4)
  for (let i = 0; i < events; i++) sentences.push(event(rng, scene))
  sentences.push(ending(rng, scene))
  return sentences.join(' ')
}

function drawScene(rng: Rng): Scene {
  const hero = person(rng)
  let friend = person(rng)
  while (friend.name === hero.name) friend = person(rng)
  const [verb, past] = pickEntry(rng, VERBS)
  return {
    hero,
    friend,
    verb,
    past,
    weather: pickKey(rng, WEATHER),
    place: pickKey(rng, PLACES),
    thing: pickKey(rng, THINGS),
    colour: pick(rng, COLOURS),
    size: pick(rng, SIZES),
    animal: pick(rng, ANIMALS),
    feeling: pickKey(rng, FEELINGS),
  }
}

function opening(rng: Rng, { hero, weather, place, animal }: Scene): string {
  const who = hero.subject === 'he' ? pick(rng, ['boy', 'man']) : pick(rng, ['girl', 'woman'])
  return oneOf(
    rng,
    `One ${weather} ${pick(rng, ['morning', 'evening', 'day'])}, ${hero.name} went to the ${place}.`,
    `It was a ${weather} ${pick(rng, DAYS)} in ${pick(rng, MONTHS)}. ${hero.name} was ${at(place)}.`,
    `Once there was a ${who} named ${hero.name}. ${hero.capital} lived near the ${place}.`,
    `${hero.name} and ${hero.possessive} ${animal} walked to the ${place} early in the day.`,
  )
}

const find = (rng: Rng, { hero, verb, past, size, colour, thing, place, animal }: Scene): string =>
  oneOf(
    rng,
    `There ${hero.subject} ${past} a ${size} ${colour} ${thing}.`,
    `${hero.capital} wanted to ${verb} a ${colour} ${thing}.`,
    `Near the ${place} ${hero.subject} saw a ${size} ${animal} with a ${colour} ${thing}.`,
  )

const event = (rng: Rng, { hero, friend, thing, feeling, animal }: Scene): string =>
  oneOf(
    rng,
    `"Is this your ${thing}?" asked ${friend.name}. "${pick(rng, ['Yes, it is', 'No, it is not'])} mine," said ${hero.name}.`,
    `${hero.name} was ${feeling}, so ${hero.subject} ${FEELINGS.get(feeling)}.`,
    `The ${animal} ${pick(rng, ['jumped over', 'sat on', 'slept beside', 'looked at'])} the ${thing}.`,
    `${friend.name} had ${NUMBERS[between(rng, 2, 12)]} ${pickEntry(rng, THINGS)[1]} and gave ${hero.object} one.`,
    `Then ${friend.name} came with ${friend.possessive} ${pick(rng, ANIMALS)} and ` +
      `${pick(rng, ['helped', 'thanked', 'followed', 'greeted'])} ${hero.object}.`,
    `${hero.capital} put the ${thing} ${pick(rng, ['under', 'behind', 'on', 'beside'])} the ` +
      `${pick(rng, ['table', 'tree', 'door', 'box', 'chair'])}.`,
    `"Let us go to the ${pickKey(rng, PLACES)}," said ${friend.name}, ` +
      `"because it is too ${pick(rng, ['hot', 'cold', 'dark', 'late'])} here."`,
    `But the ${thing} was ${pick(rng, ['gone', 'broken', 'wet', 'too heavy', 'under the bed'])}.`,
  )

const ending = (rng: Rng, { hero, friend, thing, colour, feeling, animal }: Scene): string =>
  oneOf(
    rng,
    `At the end of the day ${hero.name} was ${feeling} and ${FEELINGS.get(feeling)}.`,
    `After that, ${hero.name} and ${friend.name} were friends.`,
    `So ${hero.subject} took the ${thing} home and kept it for many years.`,
    `That night ${hero.name} told ${hero.possessive} mother about the ${colour} ${thing}.`,
    `And the ${animal} never left ${hero.possessive} side again.`,
  )
