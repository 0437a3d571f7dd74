export type FourBitType = 'nf4' | 'fp4'

/** Twelfths that the codes 0 to 7 of FP4 stand for; 8 to 15 are the same with a minus. */
const twelfths = [0, 0.0625, 8, 12, 4, 6, 2, 3]

/** Tables of bitsandbytes by code: quantiles of the normal distribution (arXiv:2305.14314, appendix E), and a small float. */
export const fourBitTables: { readonly [K in FourBitType]: Float32Array } = {
  nf4: Float32Array.of(
    -1,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1,
  ),
  fp4: Float32Array.of(...twelfths.map(x => x / 12), ...twelfths.map(x => 0 - x / 12)),
}

/** The same numbers; 0 and −0 are one. */
export const levelsEqual = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((level, k) => level === b[k])
