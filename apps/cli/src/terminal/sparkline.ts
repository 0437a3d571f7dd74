const levels = '▁▂▃▄▅▆▇█'

/** The last values as bars of eight heights, from the least of them to the greatest; one character a value. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width).filter(Number.isFinite)
  const [low, high] = [Math.min(...shown), Math.max(...shown)]
  const level = (value: number) => (high > low ? Math.round((7 * (value - low)) / (high - low)) : 0)
  return shown.map(value => levels[level(value)]).join('')
}
