import type { TensorValues } from '../../shared/model-reader.ts'
import { valueText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { choice, element, labelled } from '../shared/dom.ts'
import { freshContext, keepDrawn, type Theme } from './theme.ts'

type Mode = 'extreme' | 'mean' | 'magnitude'

/** A vector is one line of cells: it is drawn this tall, in pixels. */
const MIN_HEIGHT = 24
const WIDTH = 512

/** The matrix in cells. Colour is never alone: the cell at the cursor is told in words, and a mode goes by lightness only. */
export function heatMapView({ map, matrix }: TensorValues, t: Translate): HTMLElement {
  const mode = choice([
    ['extreme', t('mapExtreme')],
    ['mean', t('mapMean')],
    ['magnitude', t('mapMagnitude')],
  ])
  const canvas = element('canvas', { class: 'chart map', 'aria-hidden': 'true' })
  const told = element('output', { class: 'cell' })
  const legend = element('p', { class: 'hint' })
  const ramp = element('div', { class: 'ramp', 'aria-hidden': 'true' })
  const frame = element('div', {
    class: 'map-frame',
    role: 'group',
    tabindex: 0,
    'aria-label': t('mapLabel', map.rows, map.columns),
  })
  frame.append(canvas)
  const height = Math.max(MIN_HEIGHT, Math.min(WIDTH, (map.rows * WIDTH) / Math.max(1, map.columns)))
  let cursor: readonly [number, number] | undefined

  const values = (): readonly (number | null)[] => (mode.value === 'mean' ? map.mean : map.extreme)
  const draw = keepDrawn(canvas, theme => {
    const context = freshContext(canvas, WIDTH, height)
    drawCells(context, { map, values: values(), mode: mode.value as Mode, height, theme })
    if (cursor) drawCursor(context, cursor, map, height, theme)
  })
  const tell = (row: number, column: number): void => {
    cursor = [Math.max(0, Math.min(map.rows - 1, row)), Math.max(0, Math.min(map.columns - 1, column))]
    const [r, c] = cursor
    const value = values()[r * map.columns + c] ?? null
    const unbounded = map.unbounded[r * map.columns + c]! > 0 ? ' ×' : ''
    told.textContent = t(
      'mapCell',
      ...range(r, map.rows, matrix[0]),
      ...range(c, map.columns, matrix[1]),
      valueText(value) + unbounded,
    )
    draw()
  }
  const update = (): void => {
    legend.textContent = t('mapLegend', valueText(largestOf(values())))
    ramp.hidden = mode.value === 'magnitude'
    if (cursor) tell(...cursor)
    draw()
  }
  mode.addEventListener('change', update)
  canvas.addEventListener('pointermove', event => {
    const box = canvas.getBoundingClientRect()
    const at = (offset: number, length: number, cells: number): number => Math.floor((offset / length) * cells)
    tell(at(event.clientY - box.top, box.height, map.rows), at(event.clientX - box.left, box.width, map.columns))
  })
  frame.addEventListener('keydown', event => {
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    tell((cursor?.[0] ?? 0) + (cursor ? move[0] : 0), (cursor?.[1] ?? 0) + (cursor ? move[1] : 0))
  })
  update()
  const controls = element('div', { class: 'controls' }, labelled(t('show'), mode))
  return element('section', {}, element('h3', {}, t('map')), controls, frame, told, ramp, legend)
}

const moves: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

/** First and last index of a part. */
const range = (part: number, parts: number, length: number): [number, number] => [
  Math.ceil((part * length) / parts),
  Math.ceil(((part + 1) * length) / parts) - 1,
]

const largestOf = (values: readonly (number | null)[]): number =>
  values.reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0)

interface Drawing {
  readonly map: TensorValues['map']
  readonly values: readonly (number | null)[]
  readonly mode: Mode
  readonly height: number
  readonly theme: Theme
}

function drawCells(context: CanvasRenderingContext2D, { map, values, mode, height, theme }: Drawing): void {
  const largest = largestOf(values) || 1
  const [wide, tall] = [WIDTH / map.columns, height / map.rows]
  context.fillStyle = theme.background
  context.fillRect(0, 0, WIDTH, height)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    const [x, y] = [(i % map.columns) * wide, Math.floor(i / map.columns) * tall]
    if (value !== null && value !== 0) {
      context.fillStyle = mode === 'magnitude' ? theme.text : value < 0 ? theme.low : theme.high
      // Weights crowd about zero: by the root of the magnitude they can be told apart.
      context.globalAlpha = Math.sqrt(Math.abs(value) / largest)
      context.fillRect(x, y, Math.ceil(wide), Math.ceil(tall))
      context.globalAlpha = 1
    }
    if (map.unbounded[i]! > 0) drawCross(context, x, y, wide, tall, theme)
  }
}

function drawCross(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  wide: number,
  tall: number,
  theme: Theme,
): void {
  context.strokeStyle = theme.text
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x + wide, y + tall)
  context.moveTo(x + wide, y)
  context.lineTo(x, y + tall)
  context.stroke()
}

function drawCursor(
  context: CanvasRenderingContext2D,
  [row, column]: readonly [number, number],
  map: TensorValues['map'],
  height: number,
  theme: Theme,
): void {
  const [wide, tall] = [WIDTH / map.columns, height / map.rows]
  context.lineWidth = 2
  context.strokeStyle = theme.text
  context.strokeRect(column * wide - 1, row * tall - 1, wide + 2, tall + 2)
}
