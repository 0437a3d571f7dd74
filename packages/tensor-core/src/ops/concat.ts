import type { Dim, Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { slice } from './slice.ts'
import { product } from './strides.ts'

const sum = (dims: readonly Dim[]): Dim =>
  dims.every(dim => typeof dim === 'number') ? dims.reduce<number>((a, b) => a + (b as number), 0) : dims.join('+')

const op = defineOp({
  name: 'concat',
  infer: (inputs, { axis }) => {
    const [first] = inputs
    for (const x of inputs)
      if (x.shape.length !== first!.shape.length || x.shape.some((dim, i) => i !== axis && dim !== first!.shape[i]))
        throw new TypeError(`concat: ${showShape(x.shape)} does not fit ${showShape(first!.shape)} along axis ${axis}`)
    const along = sum(inputs.map(x => x.shape[axis as number]!))
    return { dtype: first!.dtype, shape: first!.shape.map((dim, i) => (i === axis ? along : dim)) }
  },
  reference: (inputs, { axis }, shape) => {
    const data = new (inputs[0]!.data.constructor as Float64ArrayConstructor)(product(shape))
    const width = product(shape.slice(axis as number))
    let offset = 0
    for (const x of inputs) {
      const chunk = product(x.shape.slice(axis as number))
      for (let i = 0, rows = x.data.length / chunk; i < rows; i++)
        data.set(x.data.subarray(i * chunk, (i + 1) * chunk) as Float64Array, i * width + offset)
      offset += chunk
    }
    return { shape, data }
  },
  gradient: ({ inputs, attributes }, given) => {
    const axis = attributes.axis as number
    let start = 0
    return inputs.map(x => {
      const size = x.shape[axis]!
      if (typeof size !== 'number') throw new TypeError(`concat: no gradient along the named dimension "${size}"`)
      start += size
      return slice(given, axis, start - size, start)
    })
  },
  lower: (emit, inputs, node) => emit.node('Concat', inputs, { axis: BigInt(node.attributes.axis as number) }),
})

/** Joins along an axis; a named dimension becomes `a+b`, which binds to the sum. */
export const concat = (inputs: readonly Node[], axis: number): Node => apply(op, inputs, { axis })
