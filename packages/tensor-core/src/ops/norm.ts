import type { Node } from '../graph/node.ts'
import { apply, defineOp, type NdArray, showShape } from '../graph/op.ts'
import { constant } from './constant.ts'
import { add, div, mul, sqrt, sub } from './elementwise.ts'
import { reduceMean } from './reduce.ts'
import { sumTo } from './sum-to.ts'

const sameWidth = (name: string, x: Node, weight: Node) => {
  if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1))
    throw new TypeError(`${name}: weight ${showShape(weight.shape)} does not fit x ${showShape(x.shape)}`)
  return { dtype: x.dtype, shape: x.shape }
}

function normalize(x: NdArray, epsilon: number, centred: boolean): Float64Array {
  const width = x.shape.at(-1)!
  const out = new Float64Array(x.data.length)
  for (let row = 0; row < out.length; row += width) {
    let mean = 0
    if (centred) {
      for (let i = 0; i < width; i++) mean += x.data[row + i]!
      mean /= width
    }
    let square = 0
    for (let i = 0; i < width; i++) square += (x.data[row + i]! - mean) ** 2
    const scale = 1 / Math.sqrt(square / width + epsilon)
    for (let i = 0; i < width; i++) out[row + i] = (x.data[row + i]! - mean) * scale
  }
  return out
}

/** 1 / √(mean x² + ε) over the last dimension, which stays as 1. */
const inverseScale = (x: Node, epsilon: number): Node =>
  div(constant(1), sqrt(add(reduceMean(mul(x, x), [-1]), constant(epsilon))))

const rms = defineOp({
  name: 'rmsNorm',
  infer: ([x, weight]) => sameWidth('rmsNorm', x!, weight!),
  reference: ([x, weight], { epsilon }, shape) => {
    const data = normalize(x!, epsilon as number, false)
    for (let i = 0; i < data.length; i++) data[i]! *= weight!.data[i % weight!.data.length]!
    return { shape, data }
  },
  gradient: ({ inputs: [x, weight], attributes }, given, [wantsX, wantsWeight]) => {
    const scale = inverseScale(x!, attributes.epsilon as number)
    const unit = mul(x!, scale)
    const inner = mul(given, weight!)
    // The part of the change along x itself is taken out: the norm does not see it.
    const along = () => mul(unit, reduceMean(mul(inner, unit), [-1]))
    return [
      wantsX ? mul(sub(inner, along()), scale) : undefined,
      wantsWeight ? sumTo(mul(given, unit), weight!) : undefined,
    ]
  },
  lower: (emit, [x, weight], node) =>
    emit.node('SimplifiedLayerNormalization', [x!, weight!], { axis: -1n, epsilon: node.attributes.epsilon as number }),
})

/** x / √(mean x² + ε) · w over the last dimension (Zhang & Sennrich 2019). */
export const rmsNorm = (x: Node, weight: Node, epsilon: number): Node => apply(rms, [x, weight], { epsilon })

const layer = defineOp({
  name: 'layerNorm',
  infer: ([x, weight]) => sameWidth('layerNorm', x!, weight!),
  reference: ([x, weight, bias], { epsilon }, shape) => {
    const data = normalize(x!, epsilon as number, true)
    const width = weight!.data.length
    for (let i = 0; i < data.length; i++) data[i] = data[i]! * weight!.data[i % width]! + (bias?.data[i % width] ?? 0)
    return { shape, data }
  },
  gradient: ({ inputs: [x, weight, bias], attributes }, given, [wantsX, wantsWeight, wantsBias]) => {
    const centred = sub(x!, reduceMean(x!, [-1]))
    const scale = inverseScale(centred, attributes.epsilon as number)
    const unit = mul(centred, scale)
    const inner = mul(given, weight!)
    const along = () => add(mul(unit, reduceMean(mul(inner, unit), [-1])), reduceMean(inner, [-1]))
    return [
      wantsX ? mul(sub(inner, along()), scale) : undefined,
      wantsWeight ? sumTo(mul(given, unit), weight!) : undefined,
      bias && wantsBias ? sumTo(given, bias) : undefined,
    ]
  },
  lower: (emit, inputs, node) =>
    emit.node('LayerNormalization', inputs, { axis: -1n, epsilon: node.attributes.epsilon as number }),
})

/** (x − mean) / √(var + ε) · w + b over the last dimension. */
export function layerNorm(x: Node, weight: Node, bias: Node | undefined, epsilon: number): Node {
  return apply(layer, bias ? [x, weight, bias] : [x, weight], { epsilon })
}
