import { addTo, attention, input, layerNorm, linear, matmul, rmsNorm, rotary } from '../../src/index.ts'
import { type Make, normal, stream } from './make.ts'

const attentionCase =
  (options: { heads: number; kvHeads: number; window?: number; softcap?: number }, headDim: number): Make =>
  ({ batch, tokens, seed }) => ({
    y: attention(
      stream(options.heads * headDim, 'q'),
      stream(options.kvHeads * headDim, 'k'),
      stream(options.kvHeads * headDim, 'v'),
      options,
    ),
    wrt: {
      q: normal([batch, tokens, options.heads * headDim], seed),
      k: normal([batch, tokens, options.kvHeads * headDim], seed + 1),
      v: normal([batch, tokens, options.kvHeads * headDim], seed + 2),
    },
  })

/** Products, norms, rotation and attention. */
export const products: Readonly<Record<string, readonly Make[]>> = {
  linear: [
    ({ batch, tokens, width, seed }) => ({
      y: linear(stream(width), input('w', 'f32', [3, width]), input('b', 'f32', [3])),
      wrt: { x: normal([batch, tokens, width], seed), w: normal([3, width], seed + 1), b: normal([3], seed + 2) },
    }),
    ({ tokens, width, seed }) => ({
      y: linear(input('x', 'f32', ['tokens', width]), input('w', 'f32', [2, width])),
      wrt: { x: normal([tokens, width], seed), w: normal([2, width], seed + 1) },
    }),
  ],
  matmul: [false, true].flatMap(transA =>
    [false, true].map(
      (transB): Make =>
        ({ batch, tokens, width, seed }) => {
          const flip = <T>(pair: readonly [T, T], turn: boolean) => (turn ? pair.toReversed() : pair)
          // The second operand is shared by the whole batch every other time.
          const lead = seed % 2 === 0 ? ['batch'] : []
          const leadOf = seed % 2 === 0 ? [batch] : []
          return {
            y: matmul(
              input('a', 'f32', ['batch', ...flip<number | string>(['tokens', width], transA)]),
              input('b', 'f32', [...lead, ...flip([width, 3], transB)]),
              { transA, transB },
            ),
            wrt: {
              a: normal([batch, ...flip([tokens, width], transA)], seed),
              b: normal([...leadOf, ...flip([width, 3], transB)], seed + 1),
            },
          }
        },
    ),
  ),
  addProduct: [false, true].map(
    (transA): Make =>
      ({ tokens, width, seed }) => ({
        y: addTo(
          input('c', 'f32', [width, 3]),
          matmul(input('a', 'f32', transA ? ['tokens', width] : [width, 'tokens']), input('b', 'f32', ['tokens', 3]), {
            transA,
          }),
        ),
        wrt: {
          a: normal(transA ? [tokens, width] : [width, tokens], seed),
          b: normal([tokens, 3], seed + 1),
          c: normal([width, 3], seed + 2),
        },
      }),
  ),
  rmsNorm: [
    ({ batch, tokens, width, seed }) => ({
      y: rmsNorm(stream(width), input('w', 'f32', [width]), 1e-3),
      wrt: { x: normal([batch, tokens, width], seed), w: normal([width], seed + 1) },
    }),
  ],
  layerNorm: [true, false].map(
    (biased): Make =>
      ({ batch, tokens, width, seed }) => ({
        y: layerNorm(
          stream(width + 1),
          input('w', 'f32', [width + 1]),
          biased ? input('b', 'f32', [width + 1]) : undefined,
          1e-2,
        ),
        wrt: {
          x: normal([batch, tokens, width + 1], seed),
          w: normal([width + 1], seed + 1),
          ...(biased && { b: normal([width + 1], seed + 2) }),
        },
      }),
  ),
  rotary: [true, false].map(
    (interleaved): Make =>
      ({ batch, tokens, seed }) => ({
        y: rotary(stream(24), input('cos', 'f32', ['tokens', 4]), input('sin', 'f32', ['tokens', 4]), {
          heads: 2,
          interleaved,
        }),
        wrt: { x: normal([batch, tokens, 24], seed) },
        fixed: { cos: normal([tokens, 4], seed + 1), sin: normal([tokens, 4], seed + 2) },
      }),
  ),
  attention: [
    attentionCase({ heads: 2, kvHeads: 2 }, 3),
    attentionCase({ heads: 4, kvHeads: 2, window: 2 }, 8),
    attentionCase({ heads: 3, kvHeads: 1, softcap: 2 }, 4),
    ({ batch, tokens, seed }) => {
      const make = attentionCase({ heads: 2, kvHeads: 1, window: 3 }, 4)({ batch, tokens, width: 1, seed })
      const starts = Array.from({ length: batch * tokens }, (_, i) => Math.floor((i % tokens) / (1 + (seed % 3))))
      return {
        ...make,
        y: attention(
          stream(8, 'q'),
          stream(4, 'k'),
          stream(4, 'v'),
          { heads: 2, kvHeads: 1, window: 3 },
          input('docs', 'i32', ['batch', 'tokens']),
        ),
        fixed: { docs: { dtype: 'i32', shape: [batch, tokens], data: Int32Array.from(starts) } },
      }
    },
    ({ batch, tokens, seed }) => {
      const x = stream(8)
      return {
        y: attention(x, x, x, { heads: 2, kvHeads: 2 }),
        wrt: { x: normal([batch, tokens, 8], seed) },
      }
    },
  ],
}
