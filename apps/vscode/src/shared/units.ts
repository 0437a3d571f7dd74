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
