import { z } from 'zod'
import { bytesOfToken } from './byte-alphabet.ts'
import { typeOf, unknownComponent } from './component.ts'
import { MAX_STEPS } from './limits.ts'
import { compileReplace } from './normalizer.ts'

/** One step from tokens to text. */
export type Decoder = (tokens: readonly string[]) => readonly string[]

const sequence = z.object({ decoders: z.array(z.unknown()).max(MAX_STEPS) })
const replace = z.object({ pattern: z.unknown(), content: z.string() })
const strip = z.object({ content: z.string().min(1), start: z.int().nonnegative(), stop: z.int().nonnegative() })
const metaspace = z.object({
  replacement: z.string().default('\u2581'),
  prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
})
const KNOWN = 'Sequence, ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace'

/** Compiles the `decoder` of a tokenizer.json; null puts a space between tokens. Throws on an unknown type. */
export function compileDecoder(config: unknown): (tokens: readonly string[]) => string {
  if (config === null || config === undefined) return tokens => tokens.join(' ')
  const step = compileStep(config)
  return tokens => step(tokens).join('')
}

function compileStep(config: unknown): Decoder {
  const type = typeOf(config)
  switch (type) {
    case 'Sequence':
      return chain(sequence.parse(config).decoders.map(compileStep))
    case 'ByteLevel':
      return decodeByteLevel
    case 'ByteFallback':
      return decodeByteFallback
    case 'Fuse':
      return tokens => [tokens.join('')]
    case 'Strip':
      return compileStrip(strip.parse(config))
    case 'Replace': {
      const apply = compileReplace(replace.parse(config))
      return tokens => tokens.map(apply)
    }
    case 'Metaspace':
      return compileMetaspace(metaspace.parse(config))
    default:
      return unknownComponent('decoder', type, KNOWN)
  }
}

const chain =
  (steps: readonly Decoder[]): Decoder =>
  tokens =>
    steps.reduce((current, step) => step(current), tokens)

// A byte order mark inside a text is a character of it: both decoders must not swallow it.
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

function decodeByteLevel(tokens: readonly string[]): string[] {
  const bytes: number[] = []
  for (const token of tokens) for (const byte of bytesOfToken(token)) bytes.push(byte)
  return [lossyUtf8.decode(Uint8Array.from(bytes))]
}

/** Joins runs of `<0xE2>` tokens into characters. A run that is not UTF-8 becomes one U+FFFD a byte, all of it. */
function decodeByteFallback(tokens: readonly string[]): string[] {
  const decoded: string[] = []
  let run: number[] = []
  const flush = (): void => {
    if (run.length > 0) decoded.push(decodeRun(run))
    run = []
  }
  for (const token of tokens) {
    if (/^<0x[0-9A-Fa-f]{2}>$/.test(token)) run.push(Number.parseInt(token.slice(3, 5), 16))
    else {
      flush()
      decoded.push(token)
    }
  }
  flush()
  return decoded
}

function decodeRun(run: readonly number[]): string {
  try {
    return strictUtf8.decode(Uint8Array.from(run))
  } catch {
    return '\ufffd'.repeat(run.length)
  }
}

function compileStrip({ content, start, stop }: z.infer<typeof strip>): Decoder {
  const stripOne = (token: string): string => {
    let from = 0
    let to = token.length
    for (let i = 0; i < start && token.startsWith(content, from); i++) from += content.length
    for (let i = 0; i < stop && to - content.length >= from && token.endsWith(content, to); i++) to -= content.length
    return token.slice(from, to)
  }
  return tokens => tokens.map(stripOne)
}

/** The first token loses the mark that encoding put before the text; elsewhere the mark is a space. */
function compileMetaspace({ replacement, prepend_scheme: scheme }: z.infer<typeof metaspace>): Decoder {
  return tokens =>
    tokens.map((token, index) => token.replaceAll(replacement, index === 0 && scheme !== 'never' ? '' : ' '))
}
