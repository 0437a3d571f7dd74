import {
  any,
  bits,
  type Code,
  choose,
  constant,
  everyInt,
  f32,
  floats,
  get,
  i32,
  ints,
  type Kernel,
  load,
  loopBelow,
  plus,
  put,
  step,
  store,
  when,
} from '@sinter/tensor-core/wasm'

/**
 * IQ1's search for the two bounds that split the sorted values of a sub-block into low, middle and high: every pair of bounds is tried,
 * with all levels moved up or down by an eighth. Four sub-blocks at once, each in a lane; ggml's operations in ggml's order. What a
 * bound contributes by itself is computed before the pairs are.
 */

/** Where sums over the first i sorted values lie, [bounds, 4] each, and where the results go. */
export interface SplitPlaces {
  readonly sums: number
  /** [4]: scales; -1 or what was found, see `splitOf`. */
  readonly scale: number
  readonly split: number
}

/** Levels moved up, and down: low, middle, high. */
const up = [-0.875, 0.125, 1.125] as const
const down = [-1.125, -0.125, 0.875] as const

/** bounds i ≤ j, and which levels: combination `kind` of 2, or of 4. */
export const splitOf = (code: number): { readonly i: number; readonly j: number; readonly kind: number } => ({
  i: code >> 16,
  j: (code >> 4) & 63,
  kind: code & 15,
})

const [first, second, end, row, code] = [0, 1, 2, 3, 4] as const
const [scale, best, where, product, square, mask] = [5, 6, 7, 8, 9, 10] as const
const own = 11

/** Keeps the split on the stack of `product` and `square` where it explains more. */
const test = (kind: number, productOf: Code, squareOf: Code): Code => [
  put(product, productOf),
  put(square, squareOf),
  put(mask, f32.less(f32.multiply(get(best), get(square)), f32.multiply(get(product), get(product)))),
  when(any(get(mask)), [
    put(mask, bits.and(get(mask), f32.less(floats(0), get(square)))),
    put(scale, choose(get(mask), f32.divide(get(product), get(square)), get(scale))),
    put(best, choose(get(mask), f32.multiply(get(scale), get(product)), get(best))),
    put(where, choose(get(mask), everyInt([get(code), constant(kind), plus]), get(where))),
  ]),
]

/** All pairs of bounds: `outer` for each first, `inner` for each second. */
function pairs(places: SplitPlaces, bounds: number, outer: Code, inner: Code, vectors: number): Kernel {
  const body: Code = [
    [put(scale, floats(0)), put(best, floats(-3.4028234663852886e38)), put(where, ints(-1))],
    [put(first, constant(places.sums)), put(end, constant(places.sums + 16 * bounds)), put(row, constant(0))],
    loopBelow(first, end, [
      outer,
      [put(second, get(first)), put(code, get(row))],
      loopBelow(second, end, [inner, step(second, 16), step(code, 16)]),
      step(first, 16),
      step(row, (1 << 16) + 16),
    ]),
    [constant(places.scale), get(scale), store(0)],
    [constant(places.split), get(where), store(0)],
  ]
  return { parameters: 0, integers: 5, vectors: 6 + vectors, body }
}

/** Before the pairs: for each bound i, with sums of the array `a` at `part(a)`. */
const eachBound = (places: SplitPlaces, bounds: number, body: Code): Code => [
  put(first, constant(places.sums)),
  put(end, constant(places.sums + 16 * bounds)),
  loopBelow(first, end, [body, step(first, 16)]),
]

const times = (a: Code, ...factors: readonly number[]): Code =>
  factors.reduce((product: Code, factor) => f32.multiply(product, floats(factor)), a)

/**
 * Ranks of `size` values, [size, 4] at `values`, to as many ints at `ranks`: how many are smaller, or equal and before. That is the
 * order of a merge sort, which ggml has from the C library.
 */
export function ranksKernel(size: number, values: number, ranks: number): Kernel {
  const [at, other, end, last] = [0, 1, 2, 3] as const
  const [value, rank] = [4, 5] as const
  const count = (is: Code): Code => [put(rank, i32.subtract(get(rank), is)), step(other, 16)]
  const one: Code = [
    put(value, [get(at), load(0)]),
    put(rank, ints(0)),
    put(other, constant(values)),
    loopBelow(other, at, count(f32.atMost([get(other), load(0)], get(value)))),
    put(other, [get(at), constant(16), plus]),
    loopBelow(other, last, count(f32.less([get(other), load(0)], get(value)))),
    [get(at), get(rank), store(ranks - values)],
    step(at, 16),
  ]
  const body: Code = [
    put(at, constant(values)),
    put(end, constant(values + 16 * size)),
    put(last, get(end)),
    loopBelow(at, end, one),
  ]
  return { parameters: 0, integers: 4, vectors: 2, body }
}

/**
 * Of 32 values: sums of weight · value, then of weight, [2, 33, 4]. Behind them is room for four more such arrays.
 */
export function splits32Kernel(places: SplitPlaces): Kernel {
  const bounds = 33
  const part = (pointer: number, array: number): Code => [get(pointer), load(16 * bounds * array)]
  const put2 = (array: number, value: Code): Code => [get(first), value, store(16 * bounds * array)]
  const total = (array: number): Code => [constant(places.sums + 16 * bounds * array + 16 * (bounds - 1)), load(0)]
  const above = (array: number): Code => f32.subtract(total(array), part(first, array))
  const prepare = eachBound(places, bounds, [
    put2(2, times(above(0), up[2])),
    put2(3, times(above(0), down[2])),
    put2(4, times(above(1), up[2], up[2])),
    put2(5, times(above(1), down[2], down[2])),
  ])
  const [lowUp, lowDown, squareUp, squareDown, middle, middleSquare] = [0, 1, 2, 3, 4, 5].map(i => own + i) as Six
  const outer: Code = [
    put(lowUp, times(part(first, 0), up[0])),
    put(lowDown, times(part(first, 0), down[0])),
    put(squareUp, times(part(first, 1), up[0], up[0])),
    put(squareDown, times(part(first, 1), down[0], down[0])),
  ]
  const inner: Code = [
    put(middle, times(f32.subtract(part(second, 0), part(first, 0)), up[1])),
    put(middleSquare, times(f32.subtract(part(second, 1), part(first, 1)), up[1], up[1])),
    test(
      0,
      f32.add(f32.add(get(lowUp), get(middle)), part(second, 2)),
      f32.add(f32.add(get(squareUp), get(middleSquare)), part(second, 4)),
    ),
    test(
      1,
      f32.add(f32.subtract(get(lowDown), get(middle)), part(second, 3)),
      f32.add(f32.add(get(squareDown), get(middleSquare)), part(second, 5)),
    ),
  ]
  const kernel = pairs(places, bounds, outer, inner, 6)
  return { ...kernel, body: [prepare, kernel.body] }
}

type Six = [number, number, number, number, number, number]

/**
 * Of 16 values whose halves may be moved differently: sums of weight · value of either half, then of weight, [4, 17, 4]. Behind them
 * is room for eight more such arrays. Kinds 0 … 3 are up/up, up/down, down/up, down/down.
 */
export function splits16Kernel(places: SplitPlaces): Kernel {
  const bounds = 17
  const part = (pointer: number, array: number): Code => [get(pointer), load(16 * bounds * array)]
  const total = (array: number): Code => [constant(places.sums + 16 * bounds * array + 16 * (bounds - 1)), load(0)]
  const set = (array: number, value: Code): Code => [get(first), value, store(16 * bounds * array)]
  const step1 = (levels: typeof up | typeof down): number => levels[0] ** 2 - levels[1] ** 2
  const step2 = (levels: typeof up | typeof down): number => levels[1] ** 2 - levels[2] ** 2
  const kinds = [
    { half: 0, levels: up },
    { half: 0, levels: down },
    { half: 1, levels: up },
    { half: 1, levels: down },
  ]
  const prepare = eachBound(
    places,
    bounds,
    kinds.map(({ half, levels }, k) => {
      const weight = part(first, 2 + half)
      return [
        set(4 + k, f32.add(times(total(2 + half), levels[2], levels[2]), times(weight, step1(levels)))),
        set(8 + k, times(weight, step2(levels))),
      ]
    }),
  )
  const products = [0, 1, 2, 3].map(k => own + k)
  const squares = [0, 1, 2, 3].map(k => own + 4 + k)
  const sum = own + 8
  const all = kinds.map((_, k) => own + 9 + k)
  const inner: Code = [
    kinds.map(({ half }, k) => [
      k % 2 === 0 ? put(sum, f32.add(part(first, half), part(second, half))) : [],
      put(products[k]!, f32.subtract(get(all[k]!), get(sum))),
      put(squares[k]!, f32.add(part(first, 4 + k), part(second, 8 + k))),
    ]),
    [0, 1, 2, 3].map(kind => {
      const [a, b] = [kind >> 1, 2 + (kind & 1)]
      return test(kind, f32.add(get(products[a]!), get(products[b]!)), f32.add(get(squares[a]!), get(squares[b]!)))
    }),
  ]
  const totals = kinds.map(({ half, levels }, k) => put(all[k]!, times(total(half), levels[2])))
  const kernel = pairs(places, bounds, totals, inner, 13)
  return { ...kernel, body: [prepare, kernel.body] }
}
