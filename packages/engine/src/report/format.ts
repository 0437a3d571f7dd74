/** `134.5 M`, `1.71 B`. */
export function formatCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toPrecision(3)} B`
  if (value >= 1e6) return `${(value / 1e6).toPrecision(value >= 1e8 ? 4 : 3)} M`
  return value.toLocaleString('en')
}

/** Decimal units, as file managers show them: `269 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toPrecision(3)} ${units[power]}`
}

/** Four figures that mean something; powers of ten only where they are shorter. */
export function formatNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size < 1e-3) return value.toExponential(1)
  return size >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)))
}

/** `33.85 ± 1.07`, `0.1700 ± 0.0031`: as many decimals as two figures of the error have, three when it starts with 1 or 2. */
export function formatEstimate(value: number, error: number | undefined): string {
  if (!error) return formatNumber(value)
  const power = Math.floor(Math.log10(error))
  const figures = error / 10 ** power < 3 ? 3 : 2
  const decimals = Math.min(8, Math.max(0, figures - 1 - power))
  return `${value.toFixed(decimals)} ± ${error.toFixed(decimals)}`
}

export const formatPercent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** `4.31`, `4.25`, `4`. */
export const formatBits = (bits: number): string => String(Number(bits.toFixed(2)))

/** `2026-11-24 15:00 UTC` of an ISO date in UTC; anything else as it is. */
export const formatDate = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d.*Z$/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso

/** `85 ms`, `12.3 s`, `4 min 10 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}
