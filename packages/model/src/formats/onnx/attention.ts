import type { Node, OnnxBuilder, Op } from '@sinter/tensor-core'
import type { Sequence } from './sequence.ts'
import { floatScalar, ints } from './values.ts'

/** What our attention operation says of itself. */
interface Facts {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly scale: number
  /** 0: none. */
  readonly window: number
  /** 0: none. */
  readonly softcap: number
}

export const pastName = (block: number, part: 'key' | 'value'): string => `past_key_values.${block}.${part}`
export const presentName = (block: number, part: 'key' | 'value'): string => `present.${block}.${part}`

/** Declares the cache of a block, f32 `[batch, kvHeads, positions, headDim]`, before and after the call. */
export function declareCache(b: OnnxBuilder, block: number, kvHeads: number, headDim: number): void {
  for (const part of ['key', 'value'] as const) {
    b.input(pastName(block, part), 'f32', ['batch_size', kvHeads, 'past_sequence_length', headDim])
    b.output(presentName(block, part), 'f32', ['batch_size', kvHeads, 'total_sequence_length', headDim])
  }
}

/** Lowers attention over the new tokens to attention over the cache and them. */
export const attentionLowering =
  (b: OnnxBuilder, sequence: Sequence, block: number): Op['lower'] =>
  (_, operands, node: Node) => {
    const facts = node.attributes as unknown as Facts
    // The kernel wants heads in eights, and the one for WebGPU has no soft caps.
    const fused = facts.softcap === 0 && facts.headDim % 8 === 0
    return (fused ? grouped : plain)(b, sequence, block, operands, facts)
  }

function grouped(
  b: OnnxBuilder,
  sequence: Sequence,
  block: number,
  operands: readonly string[],
  { heads, kvHeads, scale, window }: Facts,
): string {
  const [lengths, total] = sequence.lengths()
  const y = `attention.${block}`
  b.add(
    'GroupQueryAttention',
    [
      ...operands,
      ...[pastName(block, 'key'), pastName(block, 'value'), lengths, total],
      // Queries and keys come rotated by their position ids: padding on the left moves them.
      ...['', '', '', sequence.padding()],
    ],
    [y, presentName(block, 'key'), presentName(block, 'value')],
    {
      num_heads: BigInt(heads),
      kv_num_heads: BigInt(kvHeads),
      scale,
      ...(window > 0 && { local_window_size: BigInt(window) }),
    },
    'com.microsoft',
  )
  return y
}

/** The same in plain operations; a group's queries lie along an axis of their own, over which its keys broadcast. */
function plain(
  b: OnnxBuilder,
  sequence: Sequence,
  block: number,
  [q, k, v]: readonly string[],
  { heads, kvHeads, headDim, scale, window, softcap }: Facts,
): string {
  const split = (x: string, shape: readonly number[], perm: readonly bigint[]) =>
    b.node('Transpose', [b.node('Reshape', [x, ints(b, shape)])], { perm })
  const extended = (x: string, part: 'key' | 'value') => {
    const now = split(x, [0, 0, kvHeads, headDim], [0n, 2n, 1n, 3n])
    b.add('Concat', [pastName(block, part), now], [presentName(block, part)], { axis: 2n })
    return b.node('Unsqueeze', [presentName(block, part), ints(b, [2])])
  }
  const queries = split(q!, [0, 0, kvHeads, heads / kvHeads, headDim], [0n, 2n, 3n, 1n, 4n])
  const keys = b.node('Transpose', [extended(k!, 'key')], { perm: [0n, 1n, 2n, 4n, 3n] })
  const dots = b.node('Mul', [b.node('MatMul', [queries, keys]), floatScalar(b, scale)])
  const scores = b.node('Add', [softcap > 0 ? capped(b, dots, softcap) : dots, sequence.bias(window)])
  const weights = b.node('Softmax', [scores], { axis: -1n })
  const mixed = b.node('MatMul', [weights, extended(v!, 'value')])
  const back = b.node('Transpose', [mixed], { perm: [0n, 3n, 1n, 2n, 4n] })
  return b.node('Reshape', [back, ints(b, [0, 0, heads * headDim])])
}

function capped(b: OnnxBuilder, scores: string, softcap: number): string {
  const cap = floatScalar(b, softcap)
  return b.node('Mul', [b.node('Tanh', [b.node('Div', [scores, cap])]), cap])
}
