/** `1.25 MB`: powers of a thousand, as in the terminal. */
export function byteText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let at = 0
  let value = bytes
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000
    at++
  }
  return `${at === 0 ? value : value.toPrecision(3)} ${units[at]}`
}

/** Digits in groups of three. */
export const countText = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

export const bitText = (bits: number): string => String(Number(bits.toFixed(3)))

/** Four digits; `–` where there is no number. */
export function valueText(value: number | null): string {
  if (value === null) return '–'
  const small = value !== 0 && Math.abs(value) < 1e-3
  return small ? value.toExponential(3) : String(Number(value.toPrecision(4)))
}

export const shapeText = (shape: readonly number[]): string => shape.join(' × ')

/** `1.2 GB`, as the command line writes it. */
export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const amount = bytes / 1000 ** power
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`
}

/** `40 s`, `3 min`, `2 h 10 min`. */
export function showDuration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
