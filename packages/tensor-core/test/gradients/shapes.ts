import {
  concat,
  expandLike,
  gather,
  input,
  reshape,
  reshapeLike,
  scatterAlong,
  scatterRows,
  slice,
  takeAlong,
  transpose,
  unslice,
} from '../../src/index.ts'
import { type Make, normal, stream, whole } from './make.ts'

/** Values that only move. */
export const shapes: Readonly<Record<string, readonly Make[]>> = {
  reshape: [
    ({ batch, tokens, width, seed }) => ({
      y: reshape(reshape(stream(2 * width), ['batch*tokens', 2 * width]), ['batch*tokens', 2, width]),
      wrt: { x: normal([batch, tokens, 2 * width], seed) },
    }),
  ],
  reshapeLike: [
    ({ batch, tokens, width, seed }) => ({
      y: reshapeLike(stream(width), input('like', 'f32', [width, 'tokens', 'batch'])),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { like: normal([width, tokens, batch], 1) },
    }),
  ],
  expandLike: [
    ({ batch, tokens, width, seed }) => ({
      y: expandLike(input('x', 'f32', ['batch', 1, width]), stream(width, 'like')),
      wrt: { x: normal([batch, 1, width], seed) },
      fixed: { like: normal([batch, tokens, width], 1) },
    }),
  ],
  transpose: [
    ({ batch, tokens, width, seed }) => ({
      y: transpose(stream(width), [2, 0, 1]),
      wrt: { x: normal([batch, tokens, width], seed) },
    }),
  ],
  slice: [
    ({ batch, tokens, width, seed }) => ({
      y: slice(stream(width + 2), -1, 1, width + 1),
      wrt: { x: normal([batch, tokens, width + 2], seed) },
    }),
  ],
  unslice: [
    ({ batch, tokens, width, seed }) => ({
      y: unslice(stream(width), stream(width + 3, 'like'), 2, 1),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { like: normal([batch, tokens, width + 3], 1) },
    }),
  ],
  concat: [
    ({ batch, tokens, width, seed }) => ({
      y: concat([stream(width), stream(2, 'b')], 2),
      wrt: { x: normal([batch, tokens, width], seed), b: normal([batch, tokens, 2], seed + 1) },
    }),
  ],
  gather: [
    ({ batch, tokens, width, seed }) => ({
      y: gather(input('x', 'f32', [5, width]), input('ids', 'i32', ['batch', 'tokens'])),
      wrt: { x: normal([5, width], seed) },
      fixed: { ids: whole([batch, tokens], 5, seed) },
    }),
  ],
  scatterRows: [
    ({ batch, tokens, width, seed }) => ({
      y: scatterRows(stream(width), input('ids', 'i32', ['batch', 'tokens']), input('like', 'f32', [5, width])),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { ids: whole([batch, tokens], 5, seed), like: normal([5, width], 1) },
    }),
  ],
  takeAlong: [
    ({ batch, tokens, width, seed }) => ({
      y: takeAlong(stream(width), stream(3, 'ids', 'i32')),
      wrt: { x: normal([batch, tokens, width], seed) },
      fixed: { ids: whole([batch, tokens, 3], width, seed) },
    }),
  ],
  scatterAlong: [
    ({ batch, tokens, width, seed }) => ({
      y: scatterAlong(stream(3), stream(3, 'ids', 'i32'), stream(width, 'like')),
      wrt: { x: normal([batch, tokens, 3], seed) },
      fixed: { ids: whole([batch, tokens, 3], width, seed), like: normal([batch, tokens, width], 1) },
    }),
  ],
}
