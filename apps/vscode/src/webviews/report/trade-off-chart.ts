import { valueText } from '../../shared/units.ts'
import { drawn } from '../shared/dom.ts'
import type { MeasuredPoint } from './trade-off.ts'

export interface ChartEvents {
  /** The point that is chosen at first. */
  readonly chosen: string | undefined
  onChoose(point: MeasuredPoint): void
  onOpen(point: MeasuredPoint): void
}

/** What lies across. */
export interface Axis {
  of(point: MeasuredPoint): number
  text(value: number): string
}

const [WIDTH, HEIGHT] = [640, 300]
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 24, 16, 32]

/**
 * Points of runs, as a list box: from the smallest to the largest with the arrow keys.
 * @param points in the order of their places across
 */
export function tradeOffChart(
  points: readonly MeasuredPoint[],
  axis: Axis,
  label: string,
  textOf: (point: MeasuredPoint) => string,
  { chosen, onChoose, onOpen }: ChartEvents,
): SVGSVGElement {
  const x = linear(points.map(axis.of), LEFT, WIDTH - RIGHT)
  const y = logarithmic(
    points.map(({ kl }) => kl),
    HEIGHT - BOTTOM,
    TOP,
  )
  const marks = points.map((point, i) => {
    const mark = drawn('g', { role: 'option', id: `run-${i}`, 'aria-label': textOf(point), 'aria-selected': 'false' })
    const [cx, cy] = [x.at(axis.of(point)), y.at(point.kl)]
    // The run of this report has another shape, not only another colour.
    const shape = point.here
      ? drawn('rect', { class: 'here', x: cx - 6, y: cy - 6, width: 12, height: 12 })
      : drawn('circle', { class: 'other', cx, cy, r: 6 })
    mark.append(drawn('circle', { class: 'ring', cx, cy, r: 11 }), shape)
    return mark
  })
  const chart = drawn(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'trade-off', role: 'listbox', tabindex: 0, 'aria-label': label },
    axes(x, y, axis),
    ...marks,
  )
  let at = -1
  const choose = (next: number): void => {
    const [before, mark, point] = [marks[at], marks[next], points[next]]
    if (!mark || !point) return
    before?.setAttribute('aria-selected', 'false')
    mark.setAttribute('aria-selected', 'true')
    chart.setAttribute('aria-activedescendant', mark.id)
    at = next
    onChoose(point)
  }
  chart.addEventListener('keydown', event => {
    const next = keyTarget(event.key, at, points.length)
    if (next === undefined && event.key !== 'Enter') return
    event.preventDefault()
    if (next !== undefined) choose(next)
    else if (points[at]) onOpen(points[at])
  })
  marks.forEach((mark, i) => {
    mark.addEventListener('click', () => choose(i))
    mark.addEventListener('dblclick', () => onOpen(points[i]!))
  })
  choose(
    Math.max(
      0,
      points.findIndex(({ id }) => id === chosen),
    ),
  )
  return chart
}

function keyTarget(key: string, at: number, count: number): number | undefined {
  if (key === 'ArrowRight' || key === 'ArrowDown') return Math.min(count - 1, at + 1)
  if (key === 'ArrowLeft' || key === 'ArrowUp') return Math.max(0, at - 1)
  if (key === 'Home') return 0
  return key === 'End' ? count - 1 : undefined
}

interface Scale {
  at(value: number): number
  readonly ticks: readonly number[]
}

/** From nothing to the largest, so that distances are differences of size. */
function linear(values: readonly number[], from: number, to: number): Scale {
  const most = Math.max(1, ...values) * 1.05
  const step = niceStep(most / 6)
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step)
  return { at: value => from + ((to - from) * value) / most, ticks }
}

/** 1, 2 or 5 times a power of ten, not below what is given. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5, 10].find(factor => factor * power >= least) ?? 10)
}

/** Whole powers of ten around the values. */
function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const logs = values.map(Math.log10)
  const low = Math.floor(Math.min(0, ...logs))
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs, low)))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return { at: value => from + ((to - from) * (Math.log10(value) - low)) / (high - low), ticks }
}

/** Lines and numbers: the table has them in words. */
function axes(x: Scale, y: Scale, axis: Axis): SVGGElement {
  const group = drawn('g', { class: 'axes', 'aria-hidden': 'true' })
  const bottom = HEIGHT - BOTTOM
  for (const tick of x.ticks) {
    const at = x.at(tick)
    group.append(
      drawn('line', { x1: at, x2: at, y1: TOP, y2: bottom }),
      drawn('text', { x: at, y: bottom + 18, 'text-anchor': 'middle' }, axis.text(tick)),
    )
  }
  for (const tick of y.ticks) {
    const at = y.at(tick)
    group.append(
      drawn('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
      drawn('text', { x: LEFT - 8, y: at + 4, 'text-anchor': 'end' }, valueText(tick)),
    )
  }
  return group
}
