import type { WriteStream } from 'node:tty'
import { describe, expect, test } from 'vitest'
import { createProgress, type ProgressMode } from '../src/terminal/progress.ts'
import { bytes, duration } from '../src/terminal/units.ts'

/** A clock that is set by hand and a stream that is read back. */
function bench(mode: ProgressMode) {
  let now = 0
  let written = ''
  const stream = { columns: 60, isTTY: false, write: (text: string) => (written += text) } as unknown as WriteStream
  const progress = createProgress({ mode, stream, now: () => now })
  return {
    progress,
    at(seconds: number, done: number, stage = 'compress') {
      now = 1000 * seconds
      progress.update(stage, done, 10, 'blocks')
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

  test('quiet is quiet', () => {
    const { progress, at, written } = bench('quiet')
    at(0, 0)
    at(100, 5)
    progress.note('note')
    progress.end()
    expect(written()).toBe('')
  })
})

test('units', () => {
  expect([999, 2_048, 6_820_352, 1.5e9].map(bytes)).toEqual(['999 B', '2.05 kB', '6.82 MB', '1.50 GB'])
  expect([0.84, 9.96, 200, 7500].map(duration)).toEqual(['0.8 s', '10 s', '3 min 20 s', '2 h 5 min'])
})
