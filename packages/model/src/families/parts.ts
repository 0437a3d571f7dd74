import {
  add,
  constant,
  gelu,
  geluTanh,
  layerNorm,
  mul,
  type Node,
  quickGelu,
  relu,
  reshape,
  rmsNorm,
  rotary,
  silu,
  slice,
} from '@sinter/tensor-core'
import type { Activation, LayerConfig } from '../config.ts'
import { FormatError } from '../formats/format-error.ts'
import type { Tracer } from './tracer.ts'

const functions: Readonly<Record<Activation, (x: Node) => Node>> = { silu, gelu, geluTanh, relu, quickGelu }

/** RMS norm over the last dimension with weight `NAME.weight`; gemma's multiply by 1 + w (`offset` 1). */
export function rms(t: Tracer, x: Node, name: string, offset: 0 | 1 = 0): Node {
  const weight = t.parameter(`${name}.weight`, [x.shape.at(-1) as number])
  return rmsNorm(x, offset ? add(weight, constant(1)) : weight, t.config.normEpsilon)
}

/** Layer norm over the last dimension with `NAME.weight` and `NAME.bias`. */
export function layer(t: Tracer, x: Node, name: string): Node {
  const shape = [x.shape.at(-1) as number]
  return layerNorm(x, t.parameter(`${name}.weight`, shape), t.parameter(`${name}.bias`, shape), t.config.normEpsilon)
}

/** x times a number known from the configuration. */
export const scale = (x: Node, by: number): Node => (by === 1 ? x : mul(x, constant(by)))

/** The stream with what a module adds to it. */
export const residual = (t: Tracer, x: Node, y: Node): Node => add(x, scale(y, t.config.residualScale))

/** How queries, keys and values come out of their linears. */
export type Projections =
  | { readonly kind: 'separate'; readonly q: string; readonly k: string; readonly v: string }
  /** One linear: all queries, then all keys, then all values. */
  | { readonly kind: 'thirds'; readonly qkv: string }
  /** One linear: for each head its query, key and value. */
  | { readonly kind: 'byHead'; readonly qkv: string }

export interface AttentionParts {
  readonly projections: Projections
  readonly output: string
  readonly qkvBias: boolean
  readonly outputBias: boolean
  /** RMS norm of queries and keys before they rotate: each head alone, or the whole projection. */
  readonly qkNorm?: { readonly per: 'head' | 'whole'; readonly q: string; readonly k: string; readonly offset?: 0 | 1 }
}

/** Causal self-attention of any family, its output projection included. */
export function selfAttention(t: Tracer, x: Node, config: LayerConfig, parts: AttentionParts): Node {
  const { heads, kvHeads, attentionSoftcap } = t.config
  const [q, k, v] = project(t, x, parts)
  const turn = (y: Node, count: number, norm: string | undefined) =>
    rotate(t, normed(t, y, count, parts, norm), count, config)
  const mixed = t.attend(turn(q, heads, parts.qkNorm?.q), turn(k, kvHeads, parts.qkNorm?.k), v, {
    heads,
    kvHeads,
    scale: config.attentionScale,
    ...(config.window !== undefined && { window: config.window }),
    ...(attentionSoftcap !== undefined && { softcap: attentionSoftcap }),
  })
  return t.linear(mixed, parts.output, t.config.hiddenSize, parts.outputBias)
}

function project(t: Tracer, x: Node, { projections: p, qkvBias }: AttentionParts): readonly [Node, Node, Node] {
  const { heads, kvHeads, headDim } = t.config
  const [qWidth, kvWidth] = [heads * headDim, kvHeads * headDim]
  if (p.kind === 'separate')
    return [t.linear(x, p.q, qWidth, qkvBias), t.linear(x, p.k, kvWidth, qkvBias), t.linear(x, p.v, kvWidth, qkvBias)]
  const all = t.linear(x, p.qkv, qWidth + 2 * kvWidth, qkvBias)
  if (p.kind === 'thirds')
    return [
      slice(all, -1, 0, qWidth),
      slice(all, -1, qWidth, qWidth + kvWidth),
      slice(all, -1, qWidth + kvWidth, qWidth + 2 * kvWidth),
    ]
  if (heads !== kvHeads)
    throw new FormatError(
      'schema',
      `config.json: ${heads} heads share ${kvHeads} key-value heads, but ${p.qkv} is cut by heads`,
    )
  const byHead = reshape(all, ['batch', 'tokens', heads, 3 * headDim])
  const part = (i: number) => reshape(slice(byHead, -1, i * headDim, (i + 1) * headDim), ['batch', 'tokens', qWidth])
  return [part(0), part(1), part(2)]
}

function normed(t: Tracer, x: Node, heads: number, { qkNorm }: AttentionParts, name: string | undefined): Node {
  if (!qkNorm || name === undefined) return x
  if (qkNorm.per === 'whole') return rms(t, x, name, qkNorm.offset)
  const { headDim } = t.config
  const split = reshape(x, ['batch', 'tokens', heads, headDim])
  return reshape(rms(t, split, name, qkNorm.offset), ['batch', 'tokens', heads * headDim])
}

function rotate(t: Tracer, x: Node, heads: number, { rope }: LayerConfig): Node {
  if (rope === 'none') return x
  const { rotated } = (rope === 'local' ? t.config.localRope : t.config.rope)!
  return rotary(x, t.table(`${rope}.cos`, rotated / 2), t.table(`${rope}.sin`, rotated / 2), { heads })
}

/** `down(act(gate(x)) · up(x))`. */
export function gatedMlp(t: Tracer, x: Node): Node {
  const { intermediateSize: width, mlpBias: bias } = t.config
  const gate = t.linear(x, 'mlp.gate_proj', width, bias)
  const up = t.linear(x, 'mlp.up_proj', width, bias)
  return t.linear(mul(activate(t, gate), up), 'mlp.down_proj', t.config.hiddenSize, bias)
}

/** The same with gate and up in one linear, gate first. */
export function fusedGatedMlp(t: Tracer, x: Node): Node {
  const { intermediateSize: width, mlpBias: bias } = t.config
  const both = t.linear(x, 'mlp.gate_up_proj', 2 * width, bias)
  const hidden = mul(activate(t, slice(both, -1, 0, width)), slice(both, -1, width, 2 * width))
  return t.linear(hidden, 'mlp.down_proj', t.config.hiddenSize, bias)
}

/** `down(act(up(x)))`, with biases. */
export function plainMlp(t: Tracer, x: Node, up: string, down: string): Node {
  const hidden = activate(t, t.linear(x, up, t.config.intermediateSize, t.config.mlpBias))
  return t.linear(hidden, down, t.config.hiddenSize, t.config.mlpBias)
}

const activate = (t: Tracer, x: Node): Node => functions[t.config.activation](x)
