import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { worldDocuments } from '@sinter/eval/world'
import { loadTokenizer, toByteAlphabet } from '@sinter/model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bpeMerges } from '../src/bpe-merges.ts'
import { countWords } from '../src/byte-words.ts'
import { demoModel } from '../src/demo-folder.ts'
import { tokenizerFile } from '../src/tokenizer-file.ts'

const textsOf = (seed: number, documents: number) => worldDocuments({ seed, documents }).map(({ text }) => text)

describe('byte-pair merges', () => {
  // words.json: the words of the text that the embedded tokenizer was made from, by Hugging Face's trainer.
  test('are those of Hugging Face, all 765 in their order, and so is the vocabulary', () => {
    const counted = JSON.parse(readFileSync(new URL('./fixtures/words.json', import.meta.url), 'utf8')) as object
    const words = new Map(Object.entries(counted).map(([word, count]) => [toByteAlphabet(word), count as number]))
    const theirs = JSON.parse(readFileSync(join(demoModel, 'tokenizer.json'), 'utf8')).model
    const ours = tokenizerFile(words, 1024).model as typeof theirs
    expect(ours.merges).toEqual(theirs.merges)
    expect(ours.vocab).toEqual(theirs.vocab)
  })

  test('the example of the paper: es, est, lo, low first', () => {
    const words = new Map(Object.entries({ low: 5, lower: 2, newest: 6, widest: 3 }))
    const merges = bpeMerges(words, ['e', 's', 't', ...'lownridw'], 20)
    expect(merges.slice(0, 4).map(({ left, right }) => left + right)).toEqual(['es', 'est', 'lo', 'low'])
  })

  test('overlapping pairs are merged from the left, and there may be none left', () => {
    const merges = bpeMerges(new Map([['aaa', 1]]), ['a'], 10)
    expect(merges).toEqual([
      { left: 'a', right: 'a' },
      { left: 'aa', right: 'a' },
    ])
    expect(() => bpeMerges(new Map([['ab', 1]]), ['a'], 10)).toThrow(/"ab": b is not in the alphabet/)
  })
})

describe('words', () => {
  test('add up to the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        const length = [...countWords([text])].reduce((sum, [word, count]) => sum + word.length * count, 0)
        expect(length).toBe(new TextEncoder().encode(text).length)
      }),
    )
  })

  test('take the space before along; digits are alone', () => {
    expect([...countWords(['It is 12, it is.'])]).toEqual([
      ['It', 1],
      ['Ġis', 2],
      ['Ġ', 1],
      ['1', 1],
      ['2', 1],
      [',', 1],
      ['Ġit', 1],
      ['.', 1],
    ])
  })
})

test('a tokenizer made from the world gives it back in fewer tokens than characters by three', () => {
  const tokenizer = loadTokenizer({ tokenizerJson: tokenizerFile(countWords(textsOf(1, 2000)), 1024) })
  expect(tokenizer.vocabSize).toBe(1024)
  const text = textsOf(2, 200).join('\n')
  const ids = tokenizer.encode(text)
  expect(tokenizer.decode(ids)).toBe(text)
  expect(text.length / ids.length).toBeGreaterThan(3)
})
