import type { DType } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import type { WeightAttributes } from './weight.ts'

type Parts = Readonly<Record<string, Tensor>>

/** A stored part. @throws TypeError when it is missing or of another type than expected */
export function takePart(parts: Parts, name: string, dtype?: DType): Tensor {
  const part = parts[name]
  if (!part) throw new TypeError(`weight part "${name}" is missing; found: ${Object.keys(parts).join(', ') || 'none'}`)
  if (dtype && part.dtype !== dtype) throw new TypeError(`weight part "${name}": expected ${dtype}, got ${part.dtype}`)
  return part
}

/** Raw bytes of a `u8` part. */
export const takeBytes = (parts: Parts, name: string): Uint8Array => takePart(parts, name, 'u8').data as Uint8Array

/** Bytes as a `u8` tensor. */
export const bytesTensor = (data: Uint8Array): Tensor => ({ dtype: 'u8', shape: [data.length], data })

/** A whole number between `min` and `max`, read from untrusted attributes. */
export function takeInt(attributes: WeightAttributes, name: string, min: number, max: number): number {
  const value = attributes[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw new TypeError(
      `weight attribute "${name}": expected a whole number from ${min} to ${max}, got ${String(value)}`,
    )
  return value
}

export function takeObject(attributes: WeightAttributes, name: string): WeightAttributes {
  const value = attributes[name]
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`weight attribute "${name}": expected an object, got ${String(value)}`)
  return value
}

/** `{ codes }` → `{ "inner.codes" }` */
export const prefixed = (prefix: string, parts: Parts): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [`${prefix}.${name}`, part]))

/** The parts whose names start with `prefix.`, without it. */
export function unprefixed(prefix: string, parts: Parts): Record<string, Tensor> {
  const found = Object.entries(parts).filter(([name]) => name.startsWith(`${prefix}.`))
  return Object.fromEntries(found.map(([name, part]) => [name.slice(prefix.length + 1), part]))
}

/** 2^24: wider than any matrix of a language model (the largest vocabularies are below 2^19). */
export const MAX_DIM: number = 2 ** 24

/** Reads `rows` and `cols`. */
export function takeShape(attributes: WeightAttributes): readonly [number, number] {
  const rows = takeInt(attributes, 'rows', 0, MAX_DIM)
  const cols = takeInt(attributes, 'cols', 0, MAX_DIM)
  // 2^33 elements are 32 GB in f32: beyond what one matrix of any known model holds.
  if (rows * cols > 2 ** 33) throw new TypeError(`weight shape [${rows}, ${cols}] is larger than 2^33 elements`)
  return [rows, cols]
}
