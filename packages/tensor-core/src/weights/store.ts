import type { Tensor } from '../tensor.ts'
import { decodeCodebook } from './codebook.ts'
import { decodeDense } from './dense.ts'
import { decodeFloatGrid } from './float-grid.ts'
import { decodePermuted } from './permuted.ts'
import { decodeQuantized } from './quantized.ts'
import { decodeScaled } from './scaled.ts'
import { decodeSparse } from './sparse.ts'
import { decodeSum } from './sum.ts'
import { decodeTwoLevel } from './two-level.ts'
import type { Weight, WeightAttributes } from './weight.ts'

/** A weight as it is stored: small facts as JSON, and tensors by name. */
export interface StoredWeight {
  readonly attributes: WeightAttributes
  readonly tensors: Readonly<Record<string, Tensor>>
}

type Decoder = (attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>) => Weight

/** One line a representation. Functions are looked up late because combinators decode their operands through here. */
const decoders: Readonly<Record<string, Decoder>> = {
  dense: (a, p) => decodeDense(a, p),
  quantized: (a, p) => decodeQuantized(a, p),
  'two-level': (a, p) => decodeTwoLevel(a, p),
  codebook: (a, p) => decodeCodebook(a, p),
  float: (a, p) => decodeFloatGrid(a, p),
  sparse: (a, p) => decodeSparse(a, p),
  scaled: (a, p) => decodeScaled(a, p),
  permuted: (a, p) => decodePermuted(a, p),
  sum: (a, p) => decodeSum(a, p),
}

/** What has to be stored of a weight. `decodeWeight` gives back one with the same exact values. */
export function encodeWeight(weight: Weight): StoredWeight {
  return { attributes: { kind: weight.kind, ...weight.attributes() }, tensors: weight.parts() }
}

/** @throws TypeError when the kind is unknown, a part is missing, or parts and attributes disagree */
export function decodeWeight(stored: StoredWeight): Weight {
  const kind = stored.attributes.kind
  const decode = typeof kind === 'string' && Object.hasOwn(decoders, kind) ? decoders[kind] : undefined
  if (!decode)
    throw new TypeError(`unknown weight kind ${JSON.stringify(kind)}; known: ${Object.keys(decoders).join(', ')}`)
  return decode(stored.attributes, stored.tensors)
}
