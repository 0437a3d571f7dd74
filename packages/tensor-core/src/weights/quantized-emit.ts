import { toF32 } from '../convert.ts'
import { input, type Node } from '../graph/node.ts'
import { cast } from '../ops/cast.ts'
import { add, mul, sub } from '../ops/elementwise.ts'
import { linear } from '../ops/linear.ts'
import { reshape } from '../ops/reshape.ts'
import { f32, type Tensor } from '../tensor.ts'
import { denseInputs, emitDense } from './emit-dense.ts'
import type { Quantized, QuantizedWeight } from './quantized.ts'

/** Groups of one length can be seen as an axis; a shorter last group cannot. */
const regular = (q: Quantized): boolean => q.shape[1] % q.groupSize === 0

/** Codes enter the graph as bytes and are dequantized there, `[out, groups, groupSize]`, a quarter of the f32 memory. */
export function emitQuantized(weight: QuantizedWeight, x: Node, name: string): Node {
  const q = weight.quantized
  if (!regular(q)) return emitDense(weight, x, name)
  const [out, width] = q.shape
  const [rows, groups] = q.scales.shape as [number, number]
  const perGroup = (part: string) => input(`${name}.${part}`, 'f32', [rows, groups, 1])
  const codes = cast(input(`${name}.codes`, 'u8', [out, width / q.groupSize, q.groupSize]), 'f32')
  const dense = q.mins
    ? add(mul(codes, perGroup('scales')), perGroup('mins'))
    : mul(sub(codes, perGroup('zeroPoints')), perGroup('scales'))
  return linear(x, reshape(dense, [out, width]))
}

export function quantizedInputs(weight: QuantizedWeight, name: string): Record<string, Tensor> {
  const q = weight.quantized
  if (!regular(q)) return denseInputs(weight, name)
  const [out, width] = q.shape
  const shape = [...q.scales.shape, 1]
  const zeros = q.zeroPoints ?? new Uint8Array(q.scales.data.length).fill(2 ** (q.bits - 1))
  const floats = q.zeros ? toF32(q.zeros).data : Float32Array.from(zeros)
  return {
    [`${name}.codes`]: { dtype: 'u8', shape: [out, width / q.groupSize, q.groupSize], data: q.codes },
    [`${name}.scales`]: f32(shape, toF32(q.scales).data),
    ...(q.mins ? { [`${name}.mins`]: f32(shape, toF32(q.mins).data) } : { [`${name}.zeroPoints`]: f32(shape, floats) }),
  }
}
