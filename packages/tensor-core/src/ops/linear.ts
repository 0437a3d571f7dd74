import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { matmul } from './matmul.ts'
import { reshape } from './reshape.ts'
import { sumTo } from './sum-to.ts'

const op = defineOp({
  name: 'linear',
  infer: ([x, weight, bias]) => {
    const [out, width] = weight!.shape
    if (weight!.shape.length !== 2 || x!.shape.at(-1) !== width)
      throw new TypeError(`linear: x ${showShape(x!.shape)} and weight ${showShape(weight!.shape)} do not fit`)
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out))
      throw new TypeError(`linear: bias ${showShape(bias.shape)} is not [${out}]`)
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), out!] }
  },
  reference: ([x, weight, bias], _, shape) => {
    const [out, width] = weight!.shape as [number, number]
    const data = new Float64Array((x!.data.length / width) * out)
    for (let t = 0, rows = x!.data.length / width; t < rows; t++)
      for (let o = 0; o < out; o++) {
        let sum = bias ? bias.data[o]! : 0
        for (let i = 0; i < width; i++) sum += x!.data[t * width + i]! * weight!.data[o * width + i]!
        data[t * out + o] = sum
      }
    return { shape, data }
  },
  gradient: ({ inputs: [x, weight, bias] }, given, [wantsX, wantsWeight, wantsBias]) => [
    wantsX ? matmul(given, weight!) : undefined,
    wantsWeight ? matmul(asMatrix(given), asMatrix(x!), { transA: true }) : undefined,
    bias && wantsBias ? sumTo(given, bias) : undefined,
  ],
  lower: (emit, [x, weight, bias]) => {
    const y = emit.node('FusedMatMul', [x!, weight!], { transB: 1n }, 'com.microsoft')
    return bias ? emit.node('Add', [y, bias]) : y
  },
})

/** Rows of any shape as one matrix. */
function asMatrix(x: Node): Node {
  const lead = x.shape.slice(0, -1)
  if (lead.length === 1) return x
  const rows = lead.every(dim => typeof dim === 'number')
    ? lead.reduce<number>((n, dim) => n * (dim as number), 1)
    : lead.join('*')
  return reshape(x, [rows, x.shape.at(-1)!])
}

/** `y = x Wᵀ + b`: x `[..., in]`, weight `[out, in]`, bias `[out]`. */
export const linear = (x: Node, weight: Node, bias?: Node): Node => apply(op, bias ? [x, weight, bias] : [x, weight])
