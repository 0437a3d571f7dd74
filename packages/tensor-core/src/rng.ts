/** A seeded generator. The same seed and the same calls give the same numbers on every machine. */
export interface Rng {
  /** A whole number in [0, 2³²). */
  uint32(): number
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number
  /** Standard normal. */
  normal(): number
  /** A whole number in [0, n), every one equally likely. @throws RangeError unless 0 < n ≤ 2³² */
  integer(n: number): number
  /** Shuffles in place (Fisher–Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[]
  /** A generator of its own for a named purpose; it does not depend on how much was drawn from this one. */
  split(label: string | number): Rng
}

/** xoshiro128** (Blackman and Vigna 2018), its state spread from the seed by a 32-bit mixer. */
export function createRng(seed: string | number): Rng {
  const state = stateOf(String(seed))
  const uint32 = () => next(state)
  const uniform = () => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992
  const integer = (n: number) => below(n, uint32)
  return {
    uint32,
    uniform,
    integer,
    normal: normalFrom(uniform),
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = integer(i + 1)
        const moved = items[i]!
        items[i] = items[j]!
        items[j] = moved
      }
      return items
    },
    split: label => createRng(`${seed}/${label}`),
  }
}

function next(s: Uint32Array): number {
  const a = s[0]!
  const b = s[1]!
  const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
  const mixed = s[2]! ^ a
  const last = s[3]! ^ b
  s[1] = b ^ mixed
  s[0] = a ^ last
  s[2] = mixed ^ (b << 9)
  s[3] = rotate(last, 11)
  return result
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/** Four words from the seed's text: FNV-1a over its characters, then a finaliser for each word. */
function stateOf(seed: string): Uint32Array {
  let hash = 0x811c9dc5
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193)
  const state = Uint32Array.from({ length: 4 }, (_, i) => mix(hash + Math.imul(i + 1, 0x9e3779b9)))
  // xoshiro's one forbidden state.
  if (state.every(word => word === 0)) state[0] = 1
  return state
}

function mix(x: number): number {
  let h = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Draws again above the largest multiple of n, so that no remainder is favoured. */
function below(n: number, uint32: () => number): number {
  if (!Number.isInteger(n) || n <= 0 || n > 2 ** 32)
    throw new RangeError(`integer(n): expected a whole number 0 < n <= 2^32, got ${n}`)
  const limit = 2 ** 32 - (2 ** 32 % n)
  for (;;) {
    const x = uint32()
    if (x < limit) return x % n
  }
}

/** Marsaglia's polar method; the second number of each pair is kept for the next call. */
function normalFrom(uniform: () => number): () => number {
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const kept = spare
      spare = undefined
      return kept
    }
    for (;;) {
      const x = 2 * uniform() - 1
      const y = 2 * uniform() - 1
      const r = x * x + y * y
      if (r === 0 || r >= 1) continue
      const scale = Math.sqrt((-2 * Math.log(r)) / r)
      spare = y * scale
      return x * scale
    }
  }
}
