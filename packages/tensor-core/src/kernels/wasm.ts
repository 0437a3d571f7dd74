/**
 * Just enough of an assembler for the WebAssembly kernels of this folder: no build step, and what runs is what is read here.
 * Sections and opcodes are those of the core specification with fixed-width and relaxed SIMD.
 */
export type Code = readonly (number | Code)[]

const i32 = 0x7f
const v128 = 0x7b

export const get = (local: number): Code => [0x20, local]
export const set = (local: number): Code => [0x21, local]
export const constant = (value: number): Code => [0x41, signed(value)]
export const plus: Code = [0x6a]
export const less: Code = [0x49]
/** An i32; the address is on the stack, here and below. */
export const loadInteger = (offset: number): Code => [0x28, 2, unsigned(offset)]
/** 16 bytes. */
export const load = (offset: number): Code => [0xfd, 0x00, 3, unsigned(offset)]
/** 8 bytes, into both halves. */
export const loadBoth = (offset: number): Code => [0xfd, 0x0a, 3, unsigned(offset)]
export const store = (offset: number): Code => [0xfd, 0x0b, 3, unsigned(offset)]
/** One byte of the vector, the lowest of either half. */
export const storeByte = (offset: number, half: 0 | 1): Code => [0xfd, 0x58, 0, unsigned(offset), 8 * half]
export const zero: Code = [0xfd, 0x0c, ...new Array<number>(16).fill(0)]
/** The same f64 in both halves. */
export const both = (value: number): Code => {
  const bytes = [...new Uint8Array(Float64Array.of(value, value).buffer)]
  return [0xfd, 0x0c, bytes]
}
export const and: Code = [0xfd, 0x4e]
export const add: Code = [0xfd, 0xf0, 0x01]
export const subtract: Code = [0xfd, 0xf1, 0x01]
export const multiply: Code = [0xfd, 0xf2, 0x01]
export const divide: Code = [0xfd, 0xf3, 0x01]
/** The smaller, or the first when the second is NaN: one instruction, unlike `min`. */
export const smaller: Code = [0xfd, 0xf6, 0x01]
/** The larger, or the first when the second is NaN. */
export const larger: Code = [0xfd, 0xf7, 0x01]
/** All bits where the first is greater. */
export const greater: Code = [0xfd, 0x4a]
/** To the nearest whole number, halves to even. */
export const nearest: Code = [0xfd, 0x94, 0x01]

/**
 * a·b + c, rounded once where the engine has relaxed SIMD and the processor can, else twice. For sums only: what a stored code
 * stands for is computed with `multiply` and `add`. See ADR 5.
 */
export const multiplyAdd = (a: Code, b: Code, c: Code): Code =>
  fused() ? [a, b, c, 0xfd, 0x87, 0x02] : [a, b, multiply, c, add]

/** c − a·b, as `multiplyAdd`. */
export const multiplySubtract = (a: Code, b: Code, c: Code): Code =>
  fused() ? [a, b, c, 0xfd, 0x88, 0x02] : [c, a, b, multiply, subtract]

let relaxed: boolean | undefined

/** Whether the engine knows relaxed SIMD (V8 since 11.4, so not Node 20). */
function fused(): boolean {
  const body: Code = [both(0), both(0), both(0), 0xfd, 0x87, 0x02, 0x1a]
  relaxed ??= WebAssembly.validate(assemble({ probe: { parameters: 0, integers: 0, vectors: 0, body } }))
  return relaxed
}

export const repeat = (count: number, code: (i: number) => Code): Code =>
  Array.from({ length: count }, (_, i) => code(i))

/** local = value */
export const put = (local: number, value: Code): Code => [value, set(local)]
/** local += bytes */
export const step = (local: number, bytes: number): Code => [get(local), constant(bytes), plus, set(local)]
/** local += other */
export const addTo = (local: number, other: number): Code => [get(local), get(other), plus, set(local)]

/** Runs the body while `local` < `limit` (unsigned); the body moves `local`. */
export const loopBelow = (local: number, limit: number, body: Code): Code => [
  0x02,
  0x40,
  get(local),
  get(limit),
  less,
  0x45,
  0x0d,
  0,
  0x03,
  0x40,
  body,
  get(local),
  get(limit),
  less,
  0x0d,
  0,
  0x0b,
  0x0b,
]

export interface Kernel {
  /** Number of i32 parameters; they are the locals 0, 1, … */
  readonly parameters: number
  /** i32 locals after the parameters, then v128 locals. */
  readonly integers: number
  readonly vectors: number
  readonly body: Code
}

/** A module that imports `env.memory` and exports the kernels by name. */
export function assemble(kernels: Readonly<Record<string, Kernel>>): Uint8Array<ArrayBuffer> {
  const list = Object.entries(kernels)
  const types = list.map(([, k]) => [0x60, vector(new Array<Code>(k.parameters).fill([i32])), 0])
  const memory = [name('env'), name('memory'), 0x02, 0x00, 0]
  const exports = list.map(([key], i) => [name(key), 0x00, i])
  const bodies = list.map(([, k]) =>
    sized([
      vector([
        [k.integers, i32],
        [k.vectors, v128],
      ]),
      k.body,
      0x0b,
    ]),
  )
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector(types)),
      section(2, vector([memory])),
      section(3, vector(list.map((_, i) => [i]))),
      section(7, vector(exports)),
      section(10, vector(bodies)),
    ]),
  )
}

const flat = (code: Code): number[] => code.flat(Number.POSITIVE_INFINITY as 1) as number[]
const vector = (items: readonly Code[]): Code => [unsigned(items.length), ...items]
const section = (id: number, content: Code): Code => [id, sized(content)]
const name = (text: string): Code => [text.length, ...[...text].map(c => c.charCodeAt(0))]

function sized(content: Code): Code {
  const bytes = flat(content)
  return [unsigned(bytes.length), bytes]
}

/** A number as the format has it, 7 bits a byte, the low ones first. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}
