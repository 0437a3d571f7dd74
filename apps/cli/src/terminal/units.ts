const steps = [
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
] as const

/** `6.82 MB`: decimal, as disks and downloads are measured. */
export function bytes(count: number): string {
  for (const [unit, size] of steps) if (count >= size) return `${short(count / size)} ${unit}`
  return `${count} B`
}

/** `3.41 M` of parameters, tokens … */
export function amount(count: number): string {
  for (const [unit, size] of [
    ['B', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (count >= size) return `${short(count / size)} ${unit}`
  return String(count)
}

/** `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Three digits that say something: `4.31`, `37.1`, `0.0059`. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return '0'
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
