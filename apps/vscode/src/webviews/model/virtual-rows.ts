import { element } from '../shared/dom.ts'

export const ROW_HEIGHT = 22
/** Rows above and below what is seen, so that fast scrolling does not show gaps. */
const MARGIN = 8

export interface VirtualRows {
  /** Draws again; `count` rows in all. */
  update(count: number): void
  /** Scrolls as little as it takes. */
  reveal(index: number): void
  /** Rows that fit. */
  page(): number
}

/**
 * Rows of one height of which only those that are seen are in the document. Elements are used again.
 * @param fill writes row `index` into an element; called for every row that comes into view
 */
export function virtualRows(
  scroller: HTMLElement,
  create: () => HTMLElement,
  fill: (row: HTMLElement, index: number) => void,
): VirtualRows {
  const space = element('div', { role: 'presentation', class: 'space' })
  scroller.append(space)
  const pool: HTMLElement[] = []
  let count = 0
  let frame = 0

  const draw = (): void => {
    frame = 0
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW_HEIGHT) - MARGIN)
    const last = Math.min(count, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW_HEIGHT) + MARGIN)
    while (pool.length < last - first) {
      const row = create()
      pool.push(row)
      space.append(row)
    }
    pool.forEach((row, i) => {
      row.hidden = first + i >= last
      if (row.hidden) return
      row.style.transform = `translateY(${(first + i) * ROW_HEIGHT}px)`
      fill(row, first + i)
    })
  }
  const later = (): void => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }
  scroller.addEventListener('scroll', later, { passive: true })
  new ResizeObserver(later).observe(scroller)
  return {
    update(rows) {
      count = rows
      space.style.height = `${rows * ROW_HEIGHT}px`
      draw()
    },
    reveal(index) {
      const top = index * ROW_HEIGHT
      if (top < scroller.scrollTop) scroller.scrollTop = top
      else if (top + ROW_HEIGHT > scroller.scrollTop + scroller.clientHeight)
        scroller.scrollTop = top + ROW_HEIGHT - scroller.clientHeight
      draw()
    },
    page: () => Math.max(1, Math.floor(scroller.clientHeight / ROW_HEIGHT) - 1),
  }
}
