/** Ceilings on what a tokenizer.json may ask for. A file beyond one is refused before anything is allocated for it. */

/** Characters of JSON. The largest known file (262,144 tokens, 514,906 merges) has 33 million. */
export const MAX_JSON_LENGTH: number = 256 * 1024 * 1024

/** Ids and merge ranks. 2²¹ is four times the largest known merge list; a heap key (rank · 2³¹ + position) must stay below 2⁵³. */
export const MAX_VOCAB: number = 2 ** 21

/** Characters of a regular expression. The longest in use has about 1,200. */
export const MAX_PATTERN_LENGTH: number = 8192

/** Steps in one sequence of normalizers, pre-tokenizers, decoders or post-processors. Nobody uses ten. */
export const MAX_STEPS: number = 64
