import { type AttentionOptions, attention, concat, input, linear, type Node } from '@sinter/tensor-core'
import type { ModelConfig } from '../config.ts'

/** A linear layer found while tracing: name without `.weight`, the node that it is, the node that enters it. */
export interface TracedLinear {
  readonly name: string
  readonly node: Node
  readonly input: Node
}

/** What a family's block function builds with: it declares parameters and takes down what methods need to know. */
export interface Tracer {
  readonly config: ModelConfig
  /** A stored tensor of this shape; the same name gives the same node. */
  parameter(name: string, shape: readonly number[]): Node
  /** A table over positions, `['tokens', width]`. */
  table(name: string, width: number): Node
  /** Linear layer `NAME.weight` `[out, in]` with `NAME.bias` when asked for. */
  linear(x: Node, name: string, out: number, bias: boolean): Node
  /** Causal attention over the cache and the new positions. */
  attend(q: Node, k: Node, v: Node, options: AttentionOptions): Node
}

/**
 * How a linear layer is computed in place of x Wᵀ + b: with an adapter beside it, or rounded. New tensors are declared with
 * `t.parameter`, under the layer's name.
 */
export type LinearRewrite = (
  t: Tracer,
  x: Node,
  layer: { readonly name: string; readonly weight: Node; readonly bias?: Node | undefined },
) => Node

export interface TraceOptions {
  /** Attention also sees the inputs `past.k` and `past.v`. */
  readonly cached?: boolean
  readonly rewrite?: LinearRewrite | undefined
  /** Rows hold several documents: the input `documents` i32 `['batch', 'tokens']` says which, and attention stays in its own. */
  readonly documents?: boolean
}

export type AttentionPart = 'q' | 'k' | 'v'

/** What was taken down. */
export interface Trace {
  readonly tracer: Tracer
  readonly parameters: ReadonlyMap<string, Node>
  readonly tables: ReadonlyMap<string, Node>
  readonly linears: readonly TracedLinear[]
  /** What enters attention, queries and keys after they rotated: `['batch', 'tokens', heads · headDim]`. */
  attended(): Readonly<Record<AttentionPart, Node>> | undefined
  /** Keys and values of all positions, when tracing with a cache. */
  present(): { readonly k: Node; readonly v: Node } | undefined
}

export function createTrace(
  config: ModelConfig,
  { cached = false, rewrite, documents = false }: TraceOptions = {},
): Trace {
  const parameters = new Map<string, Node>()
  const tables = new Map<string, Node>()
  const linears: TracedLinear[] = []
  let attended: Record<AttentionPart, Node> | undefined
  let present: { k: Node; v: Node } | undefined
  const own = documents ? input('documents', 'i32', ['batch', 'tokens']) : undefined
  const once = (map: Map<string, Node>, name: string, make: () => Node): Node => {
    const known = map.get(name) ?? make()
    map.set(name, known)
    return known
  }
  const tracer: Tracer = {
    config,
    parameter: (name, shape) => once(parameters, name, () => input(name, 'f32', shape)),
    table: (name, width) => once(tables, name, () => input(name, 'f32', ['tokens', width])),
    linear(x, name, out, bias) {
      const weight = tracer.parameter(`${name}.weight`, [out, x.shape.at(-1) as number])
      const added = bias ? tracer.parameter(`${name}.bias`, [out]) : undefined
      const node = rewrite ? rewrite(tracer, x, { name, weight, bias: added }) : linear(x, weight, added)
      linears.push({ name, node, input: x })
      return node
    },
    attend(q, k, v, options) {
      attended = { q, k, v }
      if (!cached) return attention(q, k, v, options, own)
      present = { k: withPast('past.k', k), v: withPast('past.v', v) }
      return attention(q, present.k, present.v, options)
    },
  }
  return { tracer, parameters, tables, linears, attended: () => attended, present: () => present }
}

function withPast(name: string, x: Node): Node {
  return concat([input(name, 'f32', ['batch', 'past', x.shape.at(-1)!]), x], 1)
}
