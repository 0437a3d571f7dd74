/** Where a bin of magnitudes starts, four bins an octave: as `@sinter/eval` counts them, without the package in the page. */
export function magnitudeEdge(bin: number): number {
  const exponent = bin >> 2
  const fraction = (bin & 3) / 4
  return exponent === 0 ? fraction * 2 ** -126 : (1 + fraction) * 2 ** (exponent - 127)
}
