import type { Rng } from '@sinter/tensor-core'
import { NAMES, OBJECT, PLACES, POSSESSIVE, type Pronoun } from './words.ts'

/** One of the items, every one equally likely. */
export const pick = <T>(rng: Rng, items: readonly T[]): T => items[rng.integer(items.length)] as T

export const pickKey = (rng: Rng, table: ReadonlyMap<string, string>): string => pick(rng, [...table.keys()])

export const pickEntry = (rng: Rng, table: ReadonlyMap<string, string>): [string, string] => pick(rng, [...table])

/** `count` different items in random order. */
export const sample = <T>(rng: Rng, items: readonly T[], count: number): T[] => rng.shuffle([...items]).slice(0, count)

/** A whole number from `low` to `high`, both included. */
export const between = (rng: Rng, low: number, high: number): number => low + rng.integer(high - low + 1)

export const chance = (rng: Rng, probability: number): boolean => rng.uniform() < probability

/** A sentence of several ready ones; all are drawn, so that what follows does not depend on which was taken. */
export const oneOf = (rng: Rng, ...sentences: readonly string[]): string => pick(rng, sentences)

export interface Person {
  readonly name: string
  /** he or she; him or her; his or her; He or She. */
  readonly subject: Pronoun
  readonly object: string
  readonly possessive: string
  readonly capital: string
}

export function person(rng: Rng): Person {
  const subject = pick(rng, ['he', 'she'] as const)
  return {
    name: pick(rng, NAMES[subject]),
    subject,
    object: OBJECT[subject],
    possessive: POSSESSIVE[subject],
    capital: capitalize(subject),
  }
}

export const capitalize = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1)

/** "garden" → "in the garden". */
export const at = (place: string): string => `${PLACES.get(place)} the ${place}`
