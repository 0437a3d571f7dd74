import type { Mutation } from './mutate.ts'
import type { Random } from './random.ts'

/** A sound file to start from. */
export interface Seed {
  readonly bytes: Uint8Array
  /** Places of numbers that are worth another value: counts, types, dimensions, offsets, values of keys. */
  readonly numbers?: readonly { readonly at: number; readonly bytes: 4 | 8 }[]
}

/** A kind of file, and everything that is done with one that nobody vouches for. */
export interface Target {
  readonly name: string
  readonly seeds: readonly Seed[]
  /** Further mutations of this kind of file, picked as often as all the general ones together. */
  readonly mutations?: readonly Mutation[]
  /** Repairs what would hide everything else, such as a length before a header. */
  readonly repair?: (bytes: Uint8Array, seed: Seed, random: Random) => Uint8Array
  /**
   * Reads the file to the end and does with it what a user would.
   * @returns how far it came
   * @throws FormatError for a file that is refused; `stage` of the error, if set by the target, goes into the report
   */
  read(bytes: Uint8Array, random: Random): Promise<string>
}
