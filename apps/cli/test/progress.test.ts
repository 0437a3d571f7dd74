import type { WriteStream } from 'node:tty'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createProgress, type ProgressMode } from '../src/terminal/progress.ts'
import { sparkline } from '../src/terminal/sparkline.ts'
import { bytes, duration } from '../src/terminal/units.ts'

/** A clock that is set by hand and a stream that is read back. */
function bench(mode: ProgressMode, { columns = 60, isTTY = false } = {}) {
  let now = 0
  let written = ''
  const stream = { columns, isTTY, write: (text: string) => (written += text) } as unknown as WriteStream
  const progress = createProgress({ mode, stream, now: () => now })
  return {
    progress,
    at(seconds: number, done: number, stage = 'compress') {
      now = 1000 * seconds
      progress.update(stage, done, 10, 'blocks')
    },
    clock(seconds: number) {
      now = 1000 * seconds
    },
    written: () => written,
  }
}

describe('progress', () => {
  test('a terminal sees one line that is redrawn, with rate and time left', () => {
    const { progress, at, written } = bench('terminal')
    at(0, 0)
    at(0.01, 1)
    at(4, 2)
    expect(written().split('\r')).toHaveLength(3)
    expect(written()).toContain('compress 2/10 blocks  20 %  0.500 blocks/s  16 s left')
    progress.end()
    expect(written().endsWith('\r\u001b[K')).toBe(true)
  })

  test('a line is never longer than the terminal', () => {
    const { at, written } = bench('terminal')
    at(0, 0)
    at(1000, 1, 'a stage with quite a long name, as long as the whole terminal is wide')
    for (const line of written().split('\r')) expect(line.replace('\u001b[K', '').length).toBeLessThan(60)
  })

  test('a log gets a whole line every few seconds', () => {
    const { at, written } = bench('lines')
    for (let second = 0; second <= 20; second++) at(second, second / 2)
    expect(written().match(/\n/g)).toHaveLength(4)
    expect(written()).not.toContain('\r')
  })

  test('a resumed run takes the rate from what it did itself', () => {
    const { at, written } = bench('lines')
    at(0, 8)
    at(10, 9)
    expect(written()).toBe('compress 9/10 blocks  90 %  0.100 blocks/s  10 s left\n')
  })

  describe('a number beside it', () => {
    const run = (mode: ProgressMode, terminal = {}) => {
      const { progress, written } = bench(mode, { isTTY: true, columns: 80, ...terminal })
      progress.update('train', 1, 9, 'steps', { text: 'loss 2.5', values: [4, 3, 3.5, 2.5, 0.5] })
      return written()
    }
    const environment = process.env
    beforeEach(() => {
      process.env = { ...environment, TERM: 'xterm', NO_COLOR: undefined, FORCE_COLOR: undefined }
    })
    afterEach(() => {
      process.env = environment
    })

    test('is drawn where a terminal can', () => {
      expect(run('terminal')).toContain('train 1/9 steps  11 %  loss 2.5 █▆▇▅▁')
    })

    test('is text where it cannot, where NO_COLOR asks for that, and where there is no room', () => {
      expect(run('terminal', { isTTY: false })).toBe('\rtrain 1/9 steps  11 %  loss 2.5\u001b[K')
      expect(run('terminal', { columns: 36 })).toMatch(/loss 2\.5[^▁-█]*$/)
      process.env.NO_COLOR = '1'
      expect(run('terminal')).toBe('\rtrain 1/9 steps  11 %  loss 2.5\u001b[K')
    })

    test('a log has it as text', () => {
      const { progress, written, clock } = bench('lines')
      const beside = { text: 'loss 2.5', values: [1, 2, 3, 4, 5] }
      progress.update('train', 1, 9, 'steps', beside)
      clock(10)
      progress.update('train', 2, 9, 'steps', beside)
      expect(written()).toBe('train 2/9 steps  22 %  0.100 steps/s  1 min 10 s left  loss 2.5\n')
    })

    test('and quiet has nothing', () => {
      expect(run('quiet')).toBe('')
    })
  })

  test('a terminal that does not know its width gets eighty columns', () => {
    const { at, written } = bench('terminal', { columns: 0 })
    at(0, 0)
    expect(written()).toContain('compress 0/10 blocks  0 %')
  })

  test('a line is written over, never erased first: that would flicker', () => {
    const { at, written } = bench('terminal')
    at(0, 0)
    at(4, 2)
    expect(written()).not.toContain('\r\u001b[K')
  })

  test('quiet is quiet', () => {
    const { progress, at, written } = bench('quiet')
    at(0, 0)
    at(100, 5)
    progress.note('note')
    progress.end()
    expect(written()).toBe('')
  })
})

test('a sparkline is as high as its values are, from the least to the greatest of those shown', () => {
  expect(sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8)).toBe('▁▂▃▄▅▆▇█')
  expect(sparkline([100, -1, 1, 0], 3)).toBe('▁█▅')
  expect(sparkline([5, 5, 5], 8)).toBe('▁▁▁')
  expect(sparkline([1, Number.NaN, 2], 8)).toBe('▁█')
  expect(sparkline([], 8)).toBe('')
})

test('units', () => {
  expect([999, 2_048, 6_820_352, 1.5e9].map(bytes)).toEqual(['999 B', '2.05 kB', '6.82 MB', '1.50 GB'])
  expect([0.84, 9.96, 200, 7500].map(duration)).toEqual(['0.8 s', '10 s', '3 min 20 s', '2 h 5 min'])
})
