import type { Node } from '../graph/node.ts'
import { apply, defineOp, showShape } from '../graph/op.ts'
import { neg } from './elementwise.ts'

interface RotaryAttributes {
  readonly heads: number
  readonly interleaved: boolean
}

const op = defineOp({
  name: 'rotary',
  infer: ([x, cos, sin], attributes) => {
    const { heads } = attributes as unknown as RotaryAttributes
    const headDim = (x!.shape.at(-1) as number) / heads
    const half = cos!.shape.at(-1) as number
    if (
      x!.shape.length !== 3 ||
      !Number.isInteger(headDim) ||
      2 * half > headDim ||
      String(cos!.shape) !== String(sin!.shape)
    )
      throw new TypeError(
        `rotary: x ${showShape(x!.shape)} of ${heads} heads, tables ${showShape(cos!.shape)} do not fit`,
      )
    return { dtype: x!.dtype, shape: x!.shape }
  },
  reference: ([x, cos, sin], attributes, shape) => {
    const { heads, interleaved } = attributes as unknown as RotaryAttributes
    const [batch, tokens, width] = shape as [number, number, number]
    const headDim = width / heads
    const half = cos!.shape[1]!
    const data = Float64Array.from(x!.data)
    for (let row = 0; row < batch * tokens; row++)
      for (let h = 0; h < heads; h++)
        for (let i = 0; i < half; i++) {
          const at = row * width + h * headDim
          const [a, b] = interleaved ? [at + 2 * i, at + 2 * i + 1] : [at + i, at + i + half]
          const c = cos!.data[(row % tokens) * half + i]!
          const s = sin!.data[(row % tokens) * half + i]!
          data[a] = x!.data[a]! * c - x!.data[b]! * s
          data[b] = x!.data[b]! * c + x!.data[a]! * s
        }
    return { shape, data }
  },
  // Each pair is turned; the transpose turns it back. The tables are positions: nothing asks for their gradients.
  gradient: ({ inputs: [_, cos, sin], attributes }, given) => [
    rotary(given, cos!, neg(sin!), attributes as unknown as RotaryAttributes),
  ],
  lower: (emit, [x, cos, sin], node) => {
    const { heads, interleaved } = node.attributes as unknown as RotaryAttributes
    const half = node.inputs[1]!.shape[1] as number
    // The tables already start at the first position of this call.
    const position = emit.constant('i64', [1], [0])
    return emit.node(
      'RotaryEmbedding',
      [x!, position, cos!, sin!],
      {
        num_heads: BigInt(heads),
        rotary_embedding_dim: BigInt(2 * half),
        interleaved: interleaved ? 1n : 0n,
      },
      'com.microsoft',
    )
  },
})

/**
 * Rotary position embedding (Su et al. 2021) on x `[batch, tokens, heads·headDim]` with tables `[tokens, rotated/2]`.
 * Dimensions beyond `rotated` pass through. Pairs are (i, i + rotated/2), or neighbours when interleaved.
 */
export function rotary(
  x: Node,
  cos: Node,
  sin: Node,
  { heads, interleaved = false }: { heads: number; interleaved?: boolean },
): Node {
  return apply(op, [x, cos, sin], { heads, interleaved })
}
