import { describe, expect, it } from 'vitest'
import {
  type DocumentKind,
  drawDocuments,
  isRight,
  SHARES,
  worldDocuments,
  worldQuestions,
  worldText,
} from '../src/world/index.ts'

const kinds = Object.keys(SHARES) as DocumentKind[]

describe('the small world', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(worldText({ seed: 1, documents: 50 })).toBe(worldText({ seed: 1, documents: 50 }))
    expect(worldText({ seed: 1, documents: 50 })).not.toBe(worldText({ seed: 2, documents: 50 }))
  })

  it('keeps its beginning when more is asked for, and gives at least the characters asked for', () => {
    const short = worldDocuments({ seed: 'a', characters: 5000 })
    const long = worldDocuments({ seed: 'a', documents: 200 })
    expect(long.slice(0, short.length)).toEqual(short)
    const length = short.reduce((sum, { text }) => sum + text.length + 1, 0)
    expect(length).toBeGreaterThanOrEqual(5000)
    expect(length).toBeLessThan(6500)
  })

  it.each(kinds)('has its share of %s', kind => {
    const count = 8000
    const found = worldDocuments({ seed: 'shares', documents: count }).filter(document => document.kind === kind).length
    // Four standard deviations of a binomial.
    const share = SHARES[kind]
    expect(Math.abs(found / count - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / count))
  })

  it('has halves without a document in common, whatever the seeds, and loses nothing', () => {
    const texts = (half: 'calibration' | 'evaluation', seed: number): string[] =>
      worldDocuments({ seed, documents: 3000, half }).map(({ text }) => text)
    const calibration = new Set(texts('calibration', 5))
    expect(texts('evaluation', 5).filter(text => calibration.has(text))).toEqual([])
    expect(texts('evaluation', 6).filter(text => calibration.has(text))).toEqual([])
    const all = worldDocuments({ seed: 5, documents: 3000 }).map(({ text }) => text)
    const evaluation = new Set(texts('evaluation', 5))
    expect(all.filter(text => !calibration.has(text) && !evaluation.has(text))).toEqual([])
  })

  it('has other shares when it is asked for them', () => {
    const shares = { story: 0, where: 0.5, sums: 0.5, review: 0, facts: 0 }
    const drawn = worldDocuments({ seed: 1, documents: 2000, shares })
    expect(new Set(drawn.map(({ kind }) => kind))).toEqual(new Set(['where', 'sums']))
    const where = drawn.filter(({ kind }) => kind === 'where').length
    expect(Math.abs(where - 1000)).toBeLessThan(4 * Math.sqrt(500))
  })

  it('has no end: a list is the beginning of what is drawn', () => {
    const options = { seed: 'a', half: 'evaluation' } as const
    const endless = drawDocuments(options)
    for (const document of worldDocuments({ ...options, documents: 100 }))
      expect(endless.next().value).toEqual(document)
  })

  it('asks for one size', () => {
    expect(() => worldDocuments({ seed: 1 })).toThrow(/one of `documents` and `characters`/)
    expect(() => worldDocuments({ seed: 1, documents: 1, characters: 1 })).toThrow(/one of/)
  })

  it('writes in plain sentences', () => {
    for (const { text } of worldDocuments({ seed: 3, documents: 3000 })) {
      expect(text).toMatch(/^[A-Za-z0-9 .,?:"+*=\-\n]+$/)
      expect(text).not.toMatch(/undefined|NaN| {2}|\bA owl|\ba amphibian/)
    }
  })
})

describe('questions', () => {
  it('sums: the answer is what an independent reader of the story computes', () => {
    for (const { prompt, completion, answer } of worldQuestions({ seed: 1, count: 1000, kind: 'sums' })) {
      expect(answer).toBe(String(readSum(prompt)))
      expect(completion.endsWith(`The answer is ${answer}.`)).toBe(true)
      for (const [, a, sign, b, c] of completion.matchAll(/(\d+) ([+*-]) (\d+) = (\d+)/g)) {
        expect(apply(Number(a), sign as string, Number(b))).toBe(Number(c))
      }
    }
  })

  it('where: the answer is what an independent reader finds', () => {
    for (const { prompt, answer } of worldQuestions({ seed: 1, count: 1000, kind: 'where' })) {
      const at = new Map<string, string>()
      for (const [, name, place] of prompt.matchAll(/(\w+) (?:is (?:in|at|on)|goes to) the (\w+)\./g))
        at.set(name as string, place as string)
      const [, asked, guess] = /Question: (?:Where is|Is) (\w+)(?: \w+ the (\w+))?\?/.exec(prompt) as RegExpExecArray
      const place = at.get(asked as string) as string
      expect(answer.split(' ').at(-1)).toBe(guess === undefined ? place : guess === place ? 'yes' : 'no')
    }
  })

  it('review: the answer goes with the verdict', () => {
    for (const { prompt, answer } of worldQuestions({ seed: 1, count: 300, kind: 'review' })) {
      expect(answer).toBe(prompt.includes('money back') ? 'bad' : 'good')
    }
  })

  it.each(['where', 'sums', 'review'] as const)('%s: its own completion is right, another is not', kind => {
    for (const question of worldQuestions({ seed: 2, count: 200, kind, half: 'evaluation' })) {
      expect(isRight(question, question.completion)).toBe(true)
      expect(isRight(question, `${question.completion}\nmore`)).toBe(true)
      expect(isRight(question, 'The answer is 1000.')).toBe(false)
    }
    const [first] = worldQuestions({ seed: 3, count: 1, kind: 'sums' })
    expect(isRight({ ...first!, answer: '7' }, ' The answer is 17.')).toBe(false)
  })
})

function readSum(prompt: string): number {
  let now = Number(/has (\d+)/.exec(prompt)?.[1])
  const facts = (prompt.split('\n')[0] as string).split('. ').slice(1)
  for (const fact of facts) {
    const times = /becomes (two|three|four) times/.exec(fact)?.[1]
    const by = Number(/\d+/.exec(fact)?.[0])
    if (times) now *= { two: 2, three: 3, four: 4 }[times] as number
    else now += /finds|gives \d+ more|buys/.test(fact) ? by : -by
  }
  return now
}

const apply = (a: number, sign: string, b: number): number => (sign === '+' ? a + b : sign === '-' ? a - b : a * b)
