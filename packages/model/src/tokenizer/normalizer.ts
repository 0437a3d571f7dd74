import { z } from 'zod'
import { typeOf, unknownComponent } from './component.ts'
import { MAX_STEPS } from './limits.ts'
import { compilePattern } from './pattern.ts'

/** Changes text before it is cut into pieces. */
export type Normalizer = (text: string) => string

const sequence = z.object({ normalizers: z.array(z.unknown()).max(MAX_STEPS) })
const prepend = z.object({ prepend: z.string() })
const replace = z.object({ pattern: z.unknown(), content: z.string() })
const strip = z.object({ strip_left: z.boolean(), strip_right: z.boolean() })
const KNOWN = 'Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, StripAccents'

/** Compiles the `normalizer` of a tokenizer.json; null is the identity. Throws on an unknown type. */
export function compileNormalizer(config: unknown): Normalizer {
  if (config === null || config === undefined) return text => text
  const type = typeOf(config)
  switch (type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return text => text.normalize(type)
    case 'Sequence':
      return chain(sequence.parse(config).normalizers.map(compileNormalizer))
    case 'Prepend':
      return compilePrepend(prepend.parse(config).prepend)
    case 'Replace':
      return compileReplace(replace.parse(config))
    case 'Lowercase':
      return lowercase
    case 'Strip':
      return compileStrip(strip.parse(config))
    case 'StripAccents':
      return text => text.replace(/\p{M}+/gu, '')
    default:
      return unknownComponent('normalizer', type, KNOWN)
  }
}

const chain =
  (steps: readonly Normalizer[]): Normalizer =>
  text =>
    steps.reduce((current, step) => step(current), text)

/** Empty text stays empty: no prefix without anything to precede. */
const compilePrepend =
  (prefix: string): Normalizer =>
  text =>
    text === '' ? text : prefix + text

/** Replaces every match by `content` as written: a function, because `$1` in a replacement string would mean something. */
export function compileReplace(config: { pattern: unknown; content: string }): Normalizer {
  const pattern = compilePattern(config.pattern)
  return text => text.replace(pattern, () => config.content)
}

/** Letter by letter, as the reference does: in a whole string the Greek final sigma would depend on its neighbours. */
const lowercase: Normalizer = text => text.replace(/\P{Lowercase}/gu, char => char.toLowerCase())

const compileStrip =
  (config: { strip_left: boolean; strip_right: boolean }): Normalizer =>
  text => {
    const left = config.strip_left ? text.replace(/^\p{White_Space}+/u, '') : text
    return config.strip_right ? left.slice(0, trimmedEnd(left)) : left
  }

/** Where trailing whitespace begins. A loop: the pattern `\s+$` would take quadratic time on text full of spaces. */
function trimmedEnd(text: string): number {
  let end = text.length
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1] as string)) end--
  return end
}
