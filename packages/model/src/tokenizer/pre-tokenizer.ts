import { z } from 'zod'
import { toByteAlphabet } from './byte-alphabet.ts'
import { typeOf, unknownComponent } from './component.ts'
import { MAX_STEPS } from './limits.ts'
import { compilePattern } from './pattern.ts'
import { type Behavior, splitBy } from './split.ts'

/** Takes one piece; `atStart` says that it is the beginning of the whole text. */
export type Emit = (piece: string, atStart: boolean) => void

/** Cuts one piece into smaller ones, in order. It hands them on one by one: a list for a long text would be large. */
export type Step = (piece: string, atStart: boolean, emit: Emit) => void

export interface PreTokenizer {
  readonly split: Step
  /** What is left to do to a piece before its symbols are looked up. Apart from `split`, so that it runs once a distinct piece. */
  readonly finish: (piece: string) => string
}

const behavior = z.enum(['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'])
const sequence = z.object({ pretokenizers: z.array(z.unknown()).max(MAX_STEPS) })
const byteLevel = z.object({ add_prefix_space: z.boolean().default(true), use_regex: z.boolean().default(true) })
const split = z.object({ pattern: z.unknown(), behavior, invert: z.boolean().default(false) })
const digits = z.object({ individual_digits: z.boolean().default(false) })
const punctuation = z.object({ behavior: behavior.default('Isolated') })
const metaspace = z.object({
  replacement: z.string().default('\u2581'),
  prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
  split: z.boolean().default(true),
})
const KNOWN = 'Sequence, ByteLevel, Split, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit'

/** The pattern of GPT-2, which ByteLevel uses unless told otherwise. */
const GPT2 =
  /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

/** Compiles the `pre_tokenizer` of a tokenizer.json; null leaves the text whole. Throws on an unknown type. */
export function compilePreTokenizer(config: unknown): PreTokenizer {
  const steps = flatten(config)
  const last = steps.at(-1)
  const endsInBytes = last !== undefined && typeOf(last) === 'ByteLevel'
  const compiled = steps.map((step, index) => compileStep(step, endsInBytes && index === steps.length - 1))
  return { split: chain(compiled), finish: endsInBytes ? toByteAlphabet : piece => piece }
}

function flatten(config: unknown): unknown[] {
  if (config === null || config === undefined) return []
  return typeOf(config) === 'Sequence' ? sequence.parse(config).pretokenizers.flatMap(flatten) : [config]
}

function chain(steps: readonly Step[]): Step {
  return steps.reduceRight<Step>(
    (rest, step) => (piece, atStart, emit) =>
      step(piece, atStart, (part, partAtStart) => rest(part, partAtStart, emit)),
    (piece, atStart, emit) => emit(piece, atStart),
  )
}

function compileStep(config: unknown, mapsLater: boolean): Step {
  const type = typeOf(config)
  switch (type) {
    case 'ByteLevel':
      return byteLevelStep(byteLevel.parse(config), mapsLater)
    case 'Split':
      return splitStep(split.parse(config))
    case 'Digits':
      // "Numeric" means the categories Nd, Nl and No of every script.
      return patternStep(/\p{N}/gu, digits.parse(config).individual_digits ? 'Isolated' : 'Contiguous')
    case 'Punctuation':
      return patternStep(/[\p{P}$+<=>^`|~]/gu, punctuation.parse(config).behavior)
    case 'WhitespaceSplit':
      return patternStep(/\p{White_Space}/gu, 'Removed')
    case 'Whitespace':
      return patternStep(WORDS_OR_SIGNS, 'Removed', true)
    case 'Metaspace':
      return metaspaceStep(metaspace.parse(config))
    default:
      return unknownComponent('pre-tokenizer', type, KNOWN)
  }
}

const WORDS_OR_SIGNS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu

const patternStep =
  (pattern: RegExp, how: Behavior, invert = false): Step =>
  (piece, atStart, emit) =>
    splitBy(piece, pattern, how, invert, (part, index) => emit(part, atStart && index === 0))

const splitStep = (config: z.infer<typeof split>): Step =>
  patternStep(compilePattern(config.pattern), config.behavior, config.invert)

function byteLevelStep(config: z.infer<typeof byteLevel>, mapsLater: boolean): Step {
  const cut: Step = config.use_regex ? patternStep(GPT2, 'Isolated') : (piece, atStart, emit) => emit(piece, atStart)
  return (piece, atStart, emit) => {
    const prefixed = config.add_prefix_space && !piece.startsWith(' ') ? ` ${piece}` : piece
    cut(prefixed, atStart, mapsLater ? emit : (part, partAtStart) => emit(toByteAlphabet(part), partAtStart))
  }
}

function metaspaceStep(config: z.infer<typeof metaspace>): Step {
  const { replacement, prepend_scheme: scheme } = config
  const cut: Step = config.split
    ? patternStep(compilePattern({ String: replacement }), 'MergedWithNext')
    : (piece, atStart, emit) => emit(piece, atStart)
  return (piece, atStart, emit) => {
    const replaced = piece.replaceAll(' ', replacement)
    const prepends = (scheme === 'always' || (scheme === 'first' && atStart)) && !replaced.startsWith(replacement)
    cut(prepends ? replacement + replaced : replaced, atStart, emit)
  }
}
