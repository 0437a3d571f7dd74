import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutWindows } from '../src/index.ts'

const ids = (n: number) => Array.from({ length: n }, (_, i) => 100 + i)

describe('windows', () => {
  test('protocol A: side by side, the tail dropped, every prediction counts', () => {
    const windows = cutWindows(ids(11), { protocol: 'A', length: 4, bosId: 1 })
    expect(windows.map(w => [...w.ids])).toEqual([
      [100, 101, 102, 103],
      [104, 105, 106, 107],
    ])
    expect(windows.map(w => w.first)).toEqual([0, 0])
  })

  test('protocol B: the begin token in first place, the second half counts', () => {
    const windows = cutWindows(ids(11), { protocol: 'B', length: 4, bosId: 1 })
    expect(windows.map(w => [...w.ids])).toEqual([
      [1, 101, 102, 103],
      [1, 105, 106, 107],
    ])
    expect(windows.map(w => w.first)).toEqual([2, 2])
  })

  test('never more windows than asked for or than fit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(200),
        (length, count, more) => {
          const text = ids(2 * length + more)
          const windows = cutWindows(text, { protocol: 'A', length, windows: count })
          expect(windows.length).toBe(Math.min(count, Math.floor(text.length / length)))
          expect(windows.flatMap(w => [...w.ids])).toEqual(text.slice(0, windows.length * length))
        },
      ),
    )
  })

  test('an empty text, a short text and senseless options say what is wrong', () => {
    expect(() => cutWindows([], { protocol: 'A', length: 4 })).toThrow('the evaluation text is empty')
    expect(() => cutWindows(ids(1023), { protocol: 'A', length: 1024 })).toThrow(
      'the evaluation text is too short: it has 1023 tokens, and 1024 are needed (one window of 1024)',
    )
    expect(() => cutWindows(ids(1023), { protocol: 'B', length: 512 })).toThrow(
      'it has 1023 tokens, and 1024 are needed',
    )
    for (const length of [0, 2, -5, 1.5, Number.NaN, 2 ** 40])
      expect(() => cutWindows(ids(9), { protocol: 'A', length })).toThrow(/^length: expected a whole number from 3/)
    expect(() => cutWindows(ids(9), { protocol: 'A', length: 3, windows: 0 })).toThrow(
      'windows: expected a whole number',
    )
  })
})
