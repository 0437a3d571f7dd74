/**
 * Just enough of an assembler for the WebAssembly kernels of this folder: no build step, and what runs is what is read here.
 * Sections and opcodes are those of the core specification with fixed-width SIMD.
 */
export type Code = readonly (number | Code)[]

const i32 = 0x7f
const v128 = 0x7b

export const get = (local: number): Code => [0x20, local]
export const set = (local: number): Code => [0x21, local]
export const constant = (value: number): Code => [0x41, signed(value)]
export const plus: Code = [0x6a]
export const less: Code = [0x49]
/** 16 bytes; the address is on the stack. */
export const load = (offset: number): Code => [0xfd, 0x00, 3, unsigned(offset)]
/** 8 bytes, into both halves. */
export const loadBoth = (offset: number): Code => [0xfd, 0x0a, 3, unsigned(offset)]
export const store = (offset: number): Code => [0xfd, 0x0b, 3, unsigned(offset)]
export const zero: Code = [0xfd, 0x0c, ...new Array<number>(16).fill(0)]
export const add: Code = [0xfd, 0xf0, 0x01]
export const subtract: Code = [0xfd, 0xf1, 0x01]
export const multiply: Code = [0xfd, 0xf2, 0x01]

/** local += bytes */
export const step = (local: number, bytes: number): Code => [get(local), constant(bytes), plus, set(local)]

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

function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}
