import { input } from '../graph/node.ts'
import { mul } from '../ops/elementwise.ts'
import { f32, type Tensor } from '../tensor.ts'
import { prefixed, takeObject, takePart, unprefixed } from './parts.ts'
import { decodeWeight, encodeWeight } from './store.ts'
import { denseOf, type Weight, type WeightAttributes } from './weight.ts'

/** Scales around a matrix: `w[i, j] = rows[i] · inner[i, j] · columns[j]`; either may be absent. */
export interface Scales {
  readonly rows?: Float32Array
  readonly columns?: Float32Array
}

export interface ScaledWeight extends Weight {
  readonly kind: 'scaled'
  readonly inner: Weight
  readonly scales: Scales
}

/** @throws TypeError when a scale has another length than its side of the matrix */
export function scaledWeight(inner: Weight, scales: Scales): ScaledWeight {
  const [out, width] = inner.shape
  const { rows, columns } = scales
  if ((rows && rows.length !== out) || (columns && columns.length !== width))
    throw new TypeError(
      `scaled weight [${out}, ${width}]: got ${rows?.length} row and ${columns?.length} column scales`,
    )
  const extra = (prefix: string): Record<string, Tensor> => ({
    ...(rows && { [`${prefix}rows`]: f32([out], rows) }),
    ...(columns && { [`${prefix}columns`]: f32([width], columns) }),
  })
  const weight: ScaledWeight = {
    kind: 'scaled',
    shape: inner.shape,
    inner,
    scales,
    dense: () => denseOf(weight),
    denseRows(start, end, out) {
      inner.denseRows(start, end, out)
      applyScales(out, start, end, width, scales)
    },
    parts: () => ({ ...extra(''), ...prefixed('inner', encodeWeight(inner).tensors) }),
    attributes: () => ({ inner: encodeWeight(inner).attributes }),
    bits: () => {
      const b = inner.bits()
      return { ...b, scales: b.scales + 32 * ((rows?.length ?? 0) + (columns?.length ?? 0)) }
    },
    emit(x, name) {
      const scaled = columns ? mul(x, input(`${name}.columns`, 'f32', [width])) : x
      const y = inner.emit(scaled, `${name}.inner`)
      return rows ? mul(y, input(`${name}.rows`, 'f32', [out])) : y
    },
    inputs: name => ({ ...extra(`${name}.`), ...inner.inputs(`${name}.inner`) }),
  }
  return weight
}

function applyScales(data: Float32Array, start: number, end: number, width: number, { rows, columns }: Scales): void {
  for (let i = start, k = 0; i < end; i++) {
    const scale = rows?.[i] ?? 1
    for (let j = 0; j < width; j++, k++) data[k]! *= scale * (columns ? columns[j]! : 1)
  }
}

export function decodeScaled(attributes: WeightAttributes, parts: Readonly<Record<string, Tensor>>): Weight {
  const inner = decodeWeight({ attributes: takeObject(attributes, 'inner'), tensors: unprefixed('inner', parts) })
  const take = (name: string) => takePart(parts, name, 'f32').data as Float32Array
  return scaledWeight(inner, {
    ...(parts.rows && { rows: take('rows') }),
    ...(parts.columns && { columns: take('columns') }),
  })
}
