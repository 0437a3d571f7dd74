import { add } from '../ops/elementwise.ts'
import type { Tensor } from '../tensor.ts'
import { prefixed, takeInt, takeObject, unprefixed } from './parts.ts'
import { decodeWeight, encodeWeight } from './store.ts'
import { type BitCount, denseOf, type Weight, type WeightAttributes } from './weight.ts'

export interface SumWeight extends Weight {
  readonly kind: 'sum'
  readonly terms: readonly Weight[]
}

/** `w = Σ terms`, added from the first to the last. @throws TypeError when there is no term or shapes differ */
export function sumWeight(terms: readonly Weight[]): SumWeight {
  const [first, ...rest] = terms
  if (!first) throw new TypeError('sum weight: expected at least one term')
  const other = rest.find(t => t.shape[0] !== first.shape[0] || t.shape[1] !== first.shape[1])
  if (other) throw new TypeError(`sum weight: terms of shapes [${first.shape}] and [${other.shape}] cannot be added`)
  const weight: SumWeight = {
    kind: 'sum',
    shape: first.shape,
    terms,
    dense: () => denseOf(weight),
    denseRows(start, end, out) {
      first.denseRows(start, end, out)
      const term = new Float32Array(rest.length > 0 ? out.length : 0)
      for (const { denseRows } of rest) {
        denseRows(start, end, term)
        addTo(out, term)
      }
    },
    parts: () => Object.assign({}, ...terms.map((t, k) => prefixed(`${k}`, encodeWeight(t).tensors))),
    attributes: () => ({
      terms: terms.length,
      ...Object.fromEntries(terms.map((t, k) => [`${k}`, encodeWeight(t).attributes])),
    }),
    bits: () => terms.map(t => t.bits()).reduce(addBits),
    emit: (x, name) => terms.map((t, k) => t.emit(x, `${name}.${k}`)).reduce((a, b) => add(a, b)),
    inputs: name => Object.assign({}, ...terms.map((t, k) => t.inputs(`${name}.${k}`))),
  }
  return weight
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let k = 0; k < sum.length; k++) sum[k]! += values[k]!
}

const addBits = (a: BitCount, b: BitCount): BitCount => ({
  values: a.values + b.values,
  scales: a.scales + b.scales,
  zeroPoints: a.zeroPoints + b.zeroPoints,
  indices: a.indices + b.indices,
})

export function decodeSum(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight {
  // 16 terms: the deepest sums in the literature (residual corrections) have two or three.
  const count = takeInt(attributes, 'terms', 1, 16)
  const term = (k: number) =>
    decodeWeight({ attributes: takeObject(attributes, `${k}`), tensors: unprefixed(`${k}`, parts) })
  return sumWeight(Array.from({ length: count }, (_, k) => term(k)))
}
