import {
  add,
  assemble,
  type Code,
  get,
  load,
  loadBoth,
  loopBelow,
  multiply,
  set,
  step,
  store,
  subtract,
  zero,
} from './wasm.ts'

/**
 * Two f64 kernels in WebAssembly SIMD, several times faster than the same loops in TypeScript (tools/bench). Sums run in the
 * order of the plain loops and nothing is fused, so results are equal to theirs to the bit.
 */
export interface SimdKernels {
  /**
   * 4 × 4 tiles of a product. `a`: quads of rows, each [depth, 4]; `b`: one quad of columns [depth, 4];
   * `c`: the tiles, each [4, 4], overwritten. All are byte addresses, `aEnd` the end of `a`, `depthBytes` = 32·depth.
   */
  tiles(a: number, aEnd: number, b: number, c: number, depthBytes: number): void
  /** values[16] −= Σ factors[i]·errors[i, 16] for the factors from `factors` up to `end` (byte addresses). */
  advance(values: number, errors: number, factors: number, end: number): void
}

let compiled: WebAssembly.Module | undefined

/** The kernels over a memory of their own of at least `bytes`, and that memory as f64. */
export function simdKernels(bytes: number): { kernels: SimdKernels; memory: Float64Array } {
  compiled ??= new WebAssembly.Module(assemble({ tiles: tilesKernel(), advance: advanceKernel() }))
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
  const instance = new WebAssembly.Instance(compiled, { env: { memory } })
  return { kernels: instance.exports as unknown as SimdKernels, memory: new Float64Array(memory.buffer) }
}

const repeat = (count: number, code: (i: number) => Code): Code => Array.from({ length: count }, (_, i) => code(i))

function tilesKernel() {
  const [a, aEnd, b, c, depthBytes, at, end, left, right, first] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const
  const sum = (row: number, half: number) => first + 2 * row + half
  const row = (r: number): Code => [
    get(a),
    loadBoth(8 * r),
    set(first + 8),
    get(sum(r, 0)),
    get(first + 8),
    get(left),
    multiply,
    add,
    set(sum(r, 0)),
    get(sum(r, 1)),
    get(first + 8),
    get(right),
    multiply,
    add,
    set(sum(r, 1)),
  ]
  const deep: Code = [
    get(at),
    load(0),
    set(left),
    get(at),
    load(16),
    set(right),
    repeat(4, row),
    step(a, 32),
    step(at, 32),
  ]
  const tile: Code = [
    repeat(8, i => [zero, set(first + i)]),
    get(b),
    set(at),
    get(b),
    get(depthBytes),
    0x6a,
    set(end),
    loopBelow(at, end, deep),
    repeat(8, i => [get(c), get(first + i), store(16 * i)]),
    step(c, 128),
  ]
  return { parameters: 5, integers: 2, vectors: 11, body: loopBelow(a, aEnd, tile) }
}

function advanceKernel() {
  const [values, errors, factors, end, factor, first] = [0, 1, 2, 3, 4, 5] as const
  const term: Code = [
    get(factors),
    loadBoth(0),
    set(factor),
    repeat(8, i => [get(first + i), get(factor), get(errors), load(16 * i), multiply, add, set(first + i)]),
    step(errors, 128),
    step(factors, 8),
  ]
  const body: Code = [
    repeat(8, i => [zero, set(first + i)]),
    loopBelow(factors, end, term),
    repeat(8, i => [get(values), get(values), load(16 * i), get(first + i), subtract, store(16 * i)]),
  ]
  return { parameters: 4, integers: 0, vectors: 9, body }
}
