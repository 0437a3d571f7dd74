/** Colours of the user's theme for what is drawn on a canvas. */
export interface Theme {
  readonly text: string
  readonly background: string
  readonly line: string
  readonly bar: string
  readonly low: string
  readonly high: string
}

export function themeOf(from: Element): Theme {
  const style = getComputedStyle(from)
  const color = (name: string, other: string): string => style.getPropertyValue(`--vscode-${name}`).trim() || other
  const text = color('foreground', 'CanvasText')
  return {
    text,
    background: color('editor-background', 'Canvas'),
    line: color('contrastBorder', '') || color('panel-border', '#888'),
    bar: color('charts-blue', text),
    low: color('charts-blue', '#3794ff'),
    high: color('charts-orange', '#d18616'),
  }
}

/** Draws now and whenever the theme or the size changes, as long as the canvas is in the document. */
export function keepDrawn(canvas: HTMLCanvasElement, draw: (theme: Theme) => void): () => void {
  const again = (): void => {
    if (canvas.isConnected) draw(themeOf(canvas))
  }
  const theme = new MutationObserver(() => (canvas.isConnected ? again() : theme.disconnect()))
  for (const watched of [document.body, document.documentElement])
    theme.observe(watched, { attributes: true, attributeFilter: ['class', 'style'] })
  requestAnimationFrame(again)
  return again
}

/** A context in which one unit is one pixel of the page, on a canvas that has been wiped. */
export function freshContext(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const scale = window.devicePixelRatio || 1
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  canvas.style.aspectRatio = `${width} / ${height}`
  const context = canvas.getContext('2d')!
  context.setTransform(scale, 0, 0, scale, 0, 0)
  return context
}
