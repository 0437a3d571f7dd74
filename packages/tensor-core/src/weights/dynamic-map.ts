/** Decades of the map: numbers from 1e-6 to 1. */
const DECADES = 7

let map: Float32Array | undefined

/**
 * The signed dynamic 8-bit numbers (arXiv:2110.02861 §2.1), one a code, ascending: 0, 1, and in the decade below 10⁻ᵏ the middles of
 * 2^(6−k) equal parts, of either sign. The more digits an exponent takes, the fewer are left for the fraction.
 */
export function dynamicMap(): Float32Array {
  map ??= Float32Array.of(0, 1, ...decades(), ...decades().map(x => -x)).sort()
  return map
}

function decades(): number[] {
  return Array.from({ length: DECADES }, (_, k) => {
    const unit = Math.fround(10 ** (k - DECADES + 1))
    return middles(2 ** k).map(x => Math.fround(x * unit))
  }).flat()
}

/**
 * Middles of `count` equal parts of [0.1, 1]. Edges are counted from the nearer end in fused f32 steps, as torch computes them: the
 * codes in files are for that map, to the last bit.
 */
function middles(count: number): number[] {
  const { fround } = Math
  const first = fround(0.1)
  const step = fround(fround(1 - first) / count)
  const halfway = Math.floor((count + 1) / 2)
  const edge = (k: number) => fround(k < halfway ? first + step * k : 1 - step * (count - k))
  return Array.from({ length: count }, (_, k) => fround(edge(k) + edge(k + 1)) / 2)
}
