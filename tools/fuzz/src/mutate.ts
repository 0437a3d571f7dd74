import type { Random } from './random.ts'

/** Changes a file somewhere; the result may be longer or shorter. */
export type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array

const huge: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  2n ** 24n,
  2n ** 30n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 1n,
]

const flipBits: Mutation = (bytes, random) => {
  const out = bytes.slice()
  for (let i = 1 + random.below(8); i > 0 && out.length > 0; i--) out[random.below(out.length)]! ^= 1 << random.below(8)
  return out
}

const truncate: Mutation = (bytes, random) => bytes.slice(0, random.below(bytes.length + 1))

/** Counts, lengths, dimensions and offsets are 32 or 64 bits somewhere. */
const hugeNumber: Mutation = (bytes, random) => {
  const out = bytes.slice()
  const width = random.pick([4, 8])
  if (out.length < width) return out
  const view = new DataView(out.buffer, random.below(out.length - width + 1), width)
  const value = random.pick(huge)
  if (width === 8) view.setBigUint64(0, value, true)
  else view.setUint32(0, Number(value & 0xffffffffn), true)
  return out
}

/** Values that are small, huge, negative as integers, or not a number as floats. */
const words: readonly number[] = [
  0, 1, 2, 3, 5, 7, 8, 9, 12, 0x3f800000, 0x7fc00000, 0xff800000, 0x00000001, 0x80000000,
]

/** Puts another number where one was. @param place of a number of the sound file */
export function patchNumber(
  bytes: Uint8Array,
  { at, bytes: width }: { readonly at: number; readonly bytes: 4 | 8 },
  random: Random,
): Uint8Array {
  const out = bytes.slice()
  const view = new DataView(out.buffer, at, width)
  const value = random.below(2) === 0 ? random.pick(huge) : BigInt(random.pick(words))
  const near = view.getUint32(0, true) + random.below(5) - 2
  if (random.below(4) === 0) view.setUint32(0, near, true)
  else if (width === 8) view.setBigUint64(0, value, true)
  else view.setUint32(0, Number(value & 0xffffffffn), true)
  return out
}

/** A part of the file again, at another place: repeated keys, tensors, brackets. */
const splice: Mutation = (bytes, random) => {
  const from = random.below(bytes.length + 1)
  const part = bytes.subarray(from, from + random.below(128))
  const at = random.below(bytes.length + 1)
  const skip = random.below(2) * random.below(64)
  return concat(bytes.subarray(0, at), part, bytes.subarray(Math.min(bytes.length, at + skip)))
}

const fragments: readonly string[] = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '1e15',
  '9007199254740993',
  '18446744073709551616',
  '0.5',
  '"__proto__":{},',
  '"__metadata__":{"a":"b"},',
  '"a":1,"a":2,',
  '"dtype":"F32",',
  '"shape":[],',
  '"shape":[4294967296,4294967296],',
  '"data_offsets":[0,0],',
  '"data_offsets":[0,18446744073709551615],',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
  '{"a":{"a":{"a":{"a":{"a":',
  '\u0000',
  '\ufeff',
  '😀',
]

const insertText: Mutation = (bytes, random) => {
  const text = new TextEncoder().encode(random.pick(fragments).repeat(1 + random.below(3)))
  const at = random.below(bytes.length + 1)
  return concat(bytes.subarray(0, at), text, bytes.subarray(at))
}

/** One run of digits becomes another number. */
const changeNumber: Mutation = (bytes, random) => {
  const digits: number[] = []
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x30 && bytes[i]! <= 0x39) digits.push(i)
  if (digits.length === 0) return bytes.slice()
  const at = random.pick(digits)
  let end = at
  while (end < bytes.length && bytes[end]! >= 0x30 && bytes[end]! <= 0x39) end++
  return concat(bytes.subarray(0, at), new TextEncoder().encode(String(random.pick(huge))), bytes.subarray(end))
}

export const mutations: readonly Mutation[] = [flipBits, truncate, hugeNumber, splice, insertText, changeNumber]

/** Makes the length before a safetensors header right again, so that the JSON is what gets tested. */
export function repairLength(bytes: Uint8Array, dataBytes: number): Uint8Array {
  const out = bytes.slice()
  if (out.length >= 8 + dataBytes) new DataView(out.buffer).setBigUint64(0, BigInt(out.length - 8 - dataBytes), true)
  return out
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
