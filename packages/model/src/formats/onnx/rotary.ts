import { f32, type Node, type OnnxBuilder, type Op, type TensorF32 } from '@sinter/tensor-core'
import type { ModelConfig } from '../../config.ts'
import { type Rope, ropeFrequencies } from '../../rope.ts'
import { POSITION_IDS, type Sequence } from './sequence.ts'
import type { TensorStore } from './tensor-store.ts'
import { floatScalar, ints } from './values.ts'

/** Positions are split into a multiple of this and a rest: two small tables in place of one with a row for every position. */
const STEP = 256

export interface Rotation {
  /** The table that a block's graph asks for, `full.cos` …: rows for this call's tokens, f32 `[batch · tokens, rotated / 2]`. */
  table(name: string): string
  readonly lower: Op['lower']
}

/**
 * Rotary embedding by position ids. The tables are exact (worked out in f64); cos(a + b) and sin(a + b) join their rows, so that a
 * model of 131072 positions stores 768 rows.
 */
export function createRotation(b: OnnxBuilder, store: TensorStore, sequence: Sequence, config: ModelConfig): Rotation {
  const tables = new Map<string, string>()
  let order: string | undefined
  const places = (): string => (order ??= inOrder(b, POSITION_IDS))
  return {
    table(name) {
      const kind = name.startsWith('local.') ? 'local' : 'full'
      if (!tables.has(name)) {
        const rope = (kind === 'local' ? config.localRope : config.rope)!
        const { cos, sin } = rope.type === 'dynamic' ? grown(b, sequence, rope) : joined(b, store, sequence, kind, rope)
        tables.set(`${kind}.cos`, cos).set(`${kind}.sin`, sin)
      }
      return tables.get(name)!
    },
    lower: (_, [x, cos, sin], node: Node) => {
      const { heads, interleaved } = node.attributes as { heads: number; interleaved: boolean }
      return b.node(
        'RotaryEmbedding',
        [x!, places(), cos!, sin!],
        {
          num_heads: BigInt(heads),
          rotary_embedding_dim: BigInt(2 * (node.inputs[1]!.shape[1] as number)),
          interleaved: interleaved ? 1n : 0n,
        },
        'com.microsoft',
      )
    },
  }
}

/** 0, 1, 2 … in the shape of `like`: row by row through what was gathered for it. */
function inOrder(b: OnnxBuilder, like: string): string {
  const shape = b.node('Shape', [like])
  const count = b.node('ReduceProd', [shape], { keepdims: 0n })
  const range = b.node('Range', [b.constant('i64', [], [0]), count, b.constant('i64', [], [1])])
  return b.node('Reshape', [range, shape])
}

function joined(
  b: OnnxBuilder,
  store: TensorStore,
  sequence: Sequence,
  kind: string,
  rope: Rope,
): { cos: string; sin: string } {
  const ids = b.node('Reshape', [POSITION_IDS, ints(b, [-1])])
  const step = b.constant('i64', [], [STEP])
  const coarse = b.node('Div', [ids, step])
  const fine = b.node('Sub', [ids, b.node('Mul', [coarse, step])])
  const { tables, switched } = splitTables(rope)
  const offset = (rows: number) => (index: string) =>
    switched === undefined ? index : b.node('Add', [index, longOffset(b, sequence, switched, rows)])
  const rows = (name: keyof typeof tables, index: string) => {
    const table = store.put(`rope.${kind}.${name}`, tables[name])
    return b.node('Gather', [table, index], { axis: 0n })
  }
  const high = offset(tables.coarseCos.shape[0]! / 2)(coarse)
  const low = offset(STEP)(fine)
  const [ca, sa, cb, sb] = [
    rows('coarseCos', high),
    rows('coarseSin', high),
    rows('fineCos', low),
    rows('fineSin', low),
  ]
  const times = (x: string, y: string) => b.node('Mul', [x, y])
  return {
    cos: b.node('Sub', [times(ca, cb), times(sa, sb)]),
    sin: b.node('Add', [times(sa, cb), times(ca, sb)]),
  }
}

/**
 * Dynamic rope has no table: its base grows with the call, by a factor r ^ (d / (d − 2)). Angles are worked out in f32, as the
 * original does.
 */
function grown(
  b: OnnxBuilder,
  sequence: Sequence,
  rope: Extract<Rope, { readonly type: 'linear' | 'dynamic' }>,
): { cos: string; sin: string } {
  const { factor, maxPositions, rotated } = rope
  const half = rotated / 2
  const row = (values: ArrayLike<number>) => b.constant('f32', [1, half], Float32Array.from(values))
  const total = b.node('Cast', [sequence.total()], { to: 1n })
  const longer = b.node('Sub', [
    b.node('Mul', [total, floatScalar(b, factor / maxPositions)]),
    floatScalar(b, factor - 1),
  ])
  const growth = b.node('Log', [b.node('Max', [longer, floatScalar(b, 1)])])
  const powers = row(Array.from({ length: half }, (_, i) => (-2 * i) / (rotated - 2)))
  const frequencies = b.node('Mul', [row(ropeFrequencies(rope, 1)), b.node('Exp', [b.node('Mul', [powers, growth])])])
  const ids = b.node('Cast', [b.node('Reshape', [POSITION_IDS, ints(b, [-1, 1])])], { to: 1n })
  const angles = b.node('Mul', [ids, frequencies])
  return { cos: b.node('Cos', [angles]), sin: b.node('Sin', [angles]) }
}

/** Where the long table begins, once the text is longer than `original`; 0 until then. */
function longOffset(b: OnnxBuilder, sequence: Sequence, original: number, rows: number): string {
  const long = b.node('Greater', [sequence.total(), b.constant('i64', [1], [original])])
  return b.node('Where', [long, b.constant('i64', [1], [rows]), b.constant('i64', [1], [0])])
}

/**
 * Rows for multiples of the step, and for the rests. Longrope has two of each, one after the other; `switched` is the length
 * beyond which the second counts.
 */
function splitTables(rope: Rope): {
  readonly tables: Readonly<Record<'coarseCos' | 'coarseSin' | 'fineCos' | 'fineSin', TensorF32>>
  readonly switched?: number
} {
  const original = rope.type === 'longrope' ? rope.originalPositions : undefined
  const totals = original === undefined ? [rope.maxPositions] : [original, original + 1]
  const steps = Math.ceil(rope.maxPositions / STEP)
  // Scales of attention enter once.
  const scale = 'attentionFactor' in rope ? rope.attentionFactor : 1
  const angles = totals.map(total => ropeFrequencies(rope, total))
  const make = (count: number, stride: number, f: (angle: number) => number) => {
    const rows = angles.flatMap(frequencies =>
      Array.from({ length: count }, (_, row) => Array.from(frequencies, each => f(row * stride * each))),
    )
    return f32([rows.length, angles[0]!.length], rows.flat())
  }
  return {
    tables: {
      coarseCos: make(steps, STEP, Math.cos),
      coarseSin: make(steps, STEP, Math.sin),
      fineCos: make(STEP, 1, angle => scale * Math.cos(angle)),
      fineSin: make(STEP, 1, angle => scale * Math.sin(angle)),
    },
    ...(original !== undefined && { switched: original }),
  }
}
