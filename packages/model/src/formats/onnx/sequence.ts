import type { OnnxBuilder } from '@sinter/tensor-core'
import { dimension, floatScalar, ints } from './values.ts'

/** Names of the inputs that say what is to be computed, as transformers.js and onnxruntime-genai feed them. */
export const INPUT_IDS = 'input_ids'
export const ATTENTION_MASK = 'attention_mask'
export const POSITION_IDS = 'position_ids'
export const LOGITS_TO_KEEP = 'num_logits_to_keep'

/** What all blocks need to know of a call: its lengths, and who may look where. Made when it is first asked for. */
export interface Sequence {
  /** New tokens, i64 `[1]`. */
  tokens(): string
  /** Tokens with the past, i64 `[1]`. */
  total(): string
  /** Of `GroupQueryAttention`: total − 1 for each row, i32 `[batch]`, and total, i32 `[]`. */
  lengths(): readonly [lengths: string, total: string]
  /** What is added to scores where a key is padding, f32 `[batch, 1, tokens, total]`. */
  padding(): string
  /** What is added to scores where a query must not look, f32 `[batch, 1, 1, tokens, total]`: the future, past a window, padding. */
  bias(window: number): string
}

/** Far below every score, and far from overflow in f32. */
const MASKED = -1e30

export function createSequence(b: OnnxBuilder): Sequence {
  const made = new Map<string, unknown>()
  const once = <T>(key: string, make: () => T): T => {
    if (!made.has(key)) made.set(key, make())
    return made.get(key) as T
  }
  const tokens = () => once('tokens', () => dimension(b, INPUT_IDS, 1))
  const total = () => once('total', () => dimension(b, ATTENTION_MASK, 1))
  const batch = () => once('batch', () => dimension(b, INPUT_IDS, 0))
  const seen = () => once('seen', () => b.node('Cast', [ATTENTION_MASK], { to: 9n }))
  const scalar = (vector: string) => b.node('Squeeze', [vector, ints(b, [0])])
  const range = (limit: string) =>
    b.node('Range', [b.constant('i64', [], [0]), scalar(limit), b.constant('i64', [], [1])])
  const hiddenBy = (window: number) => {
    const rows = b.node('Unsqueeze', [
      b.node('Add', [range(tokens()), b.node('Sub', [total(), tokens()])]),
      ints(b, [1]),
    ])
    const columns = range(total())
    const future = b.node('Less', [rows, columns])
    if (window === 0) return future
    const edge = b.node('Sub', [rows, b.constant('i64', [], [window])])
    return b.node('Or', [future, b.node('LessOrEqual', [columns, edge])])
  }
  const masked = (hidden: string) => b.node('Where', [hidden, floatScalar(b, MASKED), floatScalar(b, 0)])
  return {
    tokens,
    total,
    lengths: () =>
      once('lengths', () => {
        const all = b.node('Cast', [total()], { to: 6n })
        const last = b.node('Sub', [all, b.constant('i32', [1], [1])])
        return [b.node('Expand', [last, batch()]), scalar(all)] as const
      }),
    padding: () =>
      once('padding', () => {
        const row = b.node('Unsqueeze', [masked(b.node('Not', [seen()])), ints(b, [1, 2])])
        const shape = b.node('Concat', [batch(), ints(b, [1]), tokens(), total()], { axis: 0n })
        return b.node('Expand', [row, shape])
      }),
    bias: window =>
      once(`bias ${window}`, () => {
        const padded = b.node('Unsqueeze', [b.node('Not', [seen()]), ints(b, [1, 2, 3])])
        return masked(b.node('Or', [hiddenBy(window), padded]))
      }),
  }
}
