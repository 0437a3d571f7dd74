import { z } from 'zod'

const typed = z.object({ type: z.string() })

/** The `type` of a component of tokenizer.json, which says how the rest of it is read. */
export const typeOf = (config: unknown): string => typed.parse(config).type

/** Refuses a component by name: guessing what it does would give wrong ids without a word. */
export function unknownComponent(what: string, type: string, known: string): never {
  throw new Error(`The tokenizer has a ${what} of type "${type}"; a BPE tokenizer may have: ${known}.`)
}
