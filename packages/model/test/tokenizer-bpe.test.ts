import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BpeModel, createBpe } from '../src/tokenizer/bpe.ts'
import { createCutter } from '../src/tokenizer/cut.ts'
import type { Merge } from '../src/tokenizer/merge-table.ts'
import { translateOniguruma } from '../src/tokenizer/pattern.ts'
import { splitBy } from '../src/tokenizer/split.ts'
import { loadTokenizer } from '../src/tokenizer/tokenizer.ts'

const letters = ['a', 'b', 'c', '▁', '𝕏']

/** A model over five letters with random merges of what is already there. */
const model: fc.Arbitrary<BpeModel> = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 12 }).map(picks => {
  const vocab = new Map(letters.map((letter, id) => [letter, id]))
  const mergeParts: [string, string][] = []
  const merges: Merge[] = []
  for (const [i, j] of picks) {
    const tokens = [...vocab.keys()]
    const [left, right] = [tokens[i % tokens.length] as string, tokens[j % tokens.length] as string]
    if (vocab.has(left + right)) continue
    vocab.set(left + right, vocab.size)
    mergeParts.push([left, right])
    merges.push([vocab.get(left), vocab.get(right), vocab.get(left + right)] as unknown as Merge)
  }
  return { vocab, merges, mergeParts, unk: undefined, fuseUnk: false, byteFallback: false, ignoreMerges: false }
})
const text = fc.array(fc.constantFrom(...letters), { maxLength: 60 }).map(parts => parts.join(''))

/** The definition, word for word: again and again the first pair of the lowest rank. Quadratic, but plainly right. */
function byDefinition({ vocab, mergeParts }: BpeModel, piece: string): number[] {
  let symbols = [...piece]
  for (;;) {
    const ranks = symbols.slice(1).map((right, i) => mergeParts.findIndex(([l, r]) => l === symbols[i] && r === right))
    const lowest = Math.min(...ranks.filter(rank => rank >= 0))
    const at = ranks.indexOf(lowest)
    if (at < 0) return symbols.map(symbol => vocab.get(symbol) as number)
    symbols = [...symbols.slice(0, at), `${symbols[at]}${symbols[at + 1]}`, ...symbols.slice(at + 2)]
  }
}

function encode(bpe: ReturnType<typeof createBpe>, piece: string): number[] {
  const out: number[] = []
  bpe(piece, out)
  return out
}

describe('byte-pair encoding', () => {
  it('equals its definition, cut or whole, first time and from the cache', () => {
    fc.assert(
      fc.property(model, fc.array(text, { maxLength: 4 }), (model, pieces) => {
        const bpe = createBpe(model, piece => piece)
        for (const piece of [...pieces, ...pieces]) expect(encode(bpe, piece)).toEqual(byDefinition(model, piece))
      }),
      { numRuns: 500, seed: 1 },
    )
  })

  it('cuts are exact: the parts joined are the piece, and encode to what the piece encodes to', () => {
    let parts = 0
    fc.assert(
      fc.property(model, text, (model, piece) => {
        const cut: string[] = []
        createCutter(model.vocab, model.mergeParts)(piece, part => cut.push(part))
        parts += cut.length
        expect(cut.join('')).toBe(piece)
        expect(cut.flatMap(part => byDefinition(model, part))).toEqual(byDefinition(model, piece))
      }),
      { numRuns: 500, seed: 2 },
    )
    expect(parts).toBeGreaterThan(2000)
  })

  it('encodes one piece of a million characters', () => {
    const fixture = new URL('./fixtures/tokenizers/bpe-byte-fallback-llama2/tokenizer.json', import.meta.url)
    const tokenizer = loadTokenizer({ tokenizerJson: readFileSync(fixture, 'utf8') })
    const sentence = 'the rain in the plain — “naïve” 語 '
    const long = sentence.repeat(Math.ceil(1e6 / sentence.length))
    const ids = tokenizer.encode(long)
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(long)
    const twice = tokenizer.encode(sentence.repeat(2), { addSpecialTokens: false }).length
    const once = tokenizer.encode(sentence, { addSpecialTokens: false }).length
    expect(ids.length).toBe(1 + once + (Math.ceil(1e6 / sentence.length) - 1) * (twice - once))
  })
})

describe('round trip', () => {
  it.each(['byte-bpe-gpt2', 'byte-bpe-llama3', 'bpe-byte-fallback-llama2'])('%s gives any text back', folder => {
    const fixture = new URL(`./fixtures/tokenizers/${folder}/tokenizer.json`, import.meta.url)
    const tokenizer = loadTokenizer({ tokenizerJson: readFileSync(fixture, 'utf8') })
    const any = fc.string({ unit: 'binary', maxLength: 80 }).filter(text => !text.includes('▁'))
    fc.assert(
      fc.property(any, text => {
        expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: true })).toBe(text)
      }),
      { numRuns: 300, seed: 3 },
    )
  })
})

describe('split', () => {
  const pieces = (behavior: Parameters<typeof splitBy>[2], invert = false): string[] => {
    const out: string[] = []
    splitBy('the-final--countdown', /-/gu, behavior, invert, piece => out.push(piece))
    return out
  }
  // The example of the reference's documentation.
  it('does what each behaviour says', () => {
    expect(pieces('Removed')).toEqual(['the', 'final', 'countdown'])
    expect(pieces('Isolated')).toEqual(['the', '-', 'final', '-', '-', 'countdown'])
    expect(pieces('MergedWithPrevious')).toEqual(['the-', 'final-', '-', 'countdown'])
    expect(pieces('MergedWithNext')).toEqual(['the', '-final', '-', '-countdown'])
    expect(pieces('Contiguous')).toEqual(['the', '-', 'final', '--', 'countdown'])
    expect(pieces('Removed', true)).toEqual(['-', '-', '-'])
  })
})

describe('patterns from Oniguruma', () => {
  const matches = (source: string, text: string): string[] =>
    text.match(new RegExp(translateOniguruma(source), 'gu')) ?? []

  it('gives ignored case its third letters, and none to the rest', () => {
    expect(matches("(?i:'s|k)", "'s 'S 'ſ k K \u212a")).toEqual(["'s", "'S", "'ſ", 'k', 'K', '\u212a'])
  })
  it('counts U+0085 as white space and U+FEFF not', () => {
    expect(matches('\\s', '\u0085\ufeff\u3000')).toEqual(['\u0085', '\u3000'])
  })
  it('never goes back into a possessive repetition', () => {
    expect(matches('a++ab', 'aaab')).toEqual([])
    expect(matches('a+ab', 'aaab')).toEqual(['aaab'])
    expect(matches('x?+\\p{L}+', 'xx')).toEqual(['xx'])
  })
  it('takes ^ and $ for those of a line and names scripts', () => {
    expect(matches('^.|.$', 'ab\ncd')).toEqual(['a', 'b', 'c', 'd'])
    expect(matches('\\p{Han}+', 'a日本b')).toEqual(['日本'])
  })
  it.each([
    ['(a*)*', /exponential/],
    ['(?:x(?:a+))+', /exponential/],
    ['(a', /unclosed group/],
    ['a)', /not open/],
    ['[a', /unclosed class/],
    ['[a&&b]', /class inside a class/],
    ['(?<n>a)', /kind of group/],
    ['(a)\\1', /refers to a group/],
    ['*a', /repeats nothing/],
    ['\\', /ends in a backslash/],
    ['\\G', /\\G, which is not known/],
  ])('refuses %s', (source, message) => {
    expect(() => translateOniguruma(source)).toThrow(message)
  })
})
