import type { WriteStream } from 'node:tty'
import { sparkline } from './sparkline.ts'
import { colorful, paint } from './style.ts'
import { duration, short } from './units.ts'

/** Shows how far a long job is. */
export interface Progress {
  /**
   * Work done of a stage so far. A new stage starts a new clock.
   * @param beside what else is to be seen of it
   */
  update(stage: string, done: number, total: number, unit: string, beside?: Beside): void
  /** A line that stays. */
  note(text: string): void
  /** Takes the moving line away. */
  end(): void
}

/** A number that goes up and down while a stage is at work. */
export interface Beside {
  readonly text: string
  /** Its last values: drawn where a terminal can, and NO_COLOR does not ask for plain text. */
  readonly values: readonly number[]
}

/** A terminal's line is redrawn, a file or pipe gets a line now and then, and `quiet` says nothing. */
export type ProgressMode = 'terminal' | 'lines' | 'quiet'

/** Redrawing faster than the eye reads costs more than it shows. */
const REDRAW_MS = 80
/** A log wants a sign of life, not a film. */
const LINE_MS = 5000

export interface ProgressOptions {
  readonly mode: ProgressMode
  readonly stream?: WriteStream | undefined
  /** Milliseconds. */
  readonly now?: (() => number) | undefined
}

export function createProgress({
  mode,
  stream = process.stderr,
  now = () => performance.now(),
}: ProgressOptions): Progress {
  let clock: StageClock | undefined
  let shown = Number.NEGATIVE_INFINITY
  let drawn = false
  const { dim } = paint(stream)
  const draws = mode === 'terminal' && colorful(stream)
  const clear = () => {
    if (drawn) stream.write('\r\u001b[K')
    drawn = false
  }
  if (mode === 'quiet') return { update() {}, note() {}, end() {} }
  return {
    update(stage, done, total, unit, beside) {
      if (clock?.stage !== stage) {
        clock = { stage, started: now(), first: done }
        shown = mode === 'terminal' ? Number.NEGATIVE_INFINITY : now()
      }
      if (now() - shown < (mode === 'terminal' ? REDRAW_MS : LINE_MS)) return
      shown = now()
      const text = [describe(clock, { done, total, unit }, now()), beside?.text].filter(Boolean).join('  ')
      if (mode === 'lines') return void stream.write(`${text}\n`)
      // Some terminals do not know their width.
      const columns = stream.columns || 80
      const line = beside && draws ? withPlot(text, beside.values, columns) : text
      // What is there is written over and only the rest erased: an empty line in between would flicker.
      stream.write(`\r${dim(fit(line, columns))}\u001b[K`)
      drawn = true
    },
    note(text) {
      clear()
      stream.write(`${text}\n`)
      // The line that it took away comes back at once.
      if (mode === 'terminal') shown = Number.NEGATIVE_INFINITY
    },
    end: clear,
  }
}

interface StageClock {
  readonly stage: string
  readonly started: number
  /** What was done when the stage was first seen: a resumed run does not start at zero. */
  readonly first: number
}

/** `compress 12.3/30 blocks  41 %  0.52 blocks/s  34 s left` */
function describe(clock: StageClock, work: { done: number; total: number; unit: string }, now: number): string {
  const { done, total, unit } = work
  const seconds = (now - clock.started) / 1000
  const rate = seconds > 0 ? (done - clock.first) / seconds : 0
  const parts = [`${clock.stage} ${count(done)}/${count(total)} ${unit}`]
  if (total > 0) parts.push(`${Math.floor((100 * done) / total)} %`)
  if (rate > 0) parts.push(`${short(rate)} ${unit}/s`, `${duration((total - done) / rate)} left`)
  return parts.join('  ')
}

const count = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1))

/** A plot wider than this is no glance. */
const PLOT_WIDTH = 24
/** And a narrower one no plot. */
const LEAST_PLOT = 4

function withPlot(text: string, values: readonly number[], columns: number): string {
  const room = Math.min(PLOT_WIDTH, columns - text.length - 2)
  return room < LEAST_PLOT ? text : `${text} ${sparkline(values, room)}`
}

const fit = (text: string, columns: number): string => (text.length < columns ? text : text.slice(0, columns - 1))
