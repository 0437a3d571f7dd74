/**
 * Series colours as style variables, so that one drawing serves light and dark pages. Eight hues that stay apart for
 * colour-blind readers; what goes beyond shares the last, grey one.
 */
export const series: readonly string[] = Array.from({ length: 8 }, (_, i) => `var(--series-${i + 1})`)

const light = ['#2266aa', '#cc6600', '#228855', '#9944aa', '#bb3344', '#118899', '#8a6a22', '#777777']
const dark = ['#6fa8e8', '#f0a050', '#5fc48f', '#cf8fe0', '#f07f8c', '#54c4d4', '#cfb060', '#a0a0a0']

const variables = (colours: readonly string[]): string =>
  colours.map((colour, i) => `--series-${i + 1}: ${colour};`).join(' ')

export const lightSeries: string = variables(light)
export const darkSeries: string = variables(dark)

/** The colour of the i-th series. */
export const seriesColour = (i: number): string => series[Math.min(i, series.length - 1)]!
