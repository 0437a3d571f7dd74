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

/** What was taken down. */
export interface Trace {
  readonly tracer: Tracer
  readonly parameters: ReadonlyMap<string, Node>
  readonly tables: ReadonlyMap<string, Node>
  readonly linears: readonly TracedLinear[]
  /** Keys and values of all positions, when tracing with a cache. */
  present(): { readonly k: Node; readonly v: Node } | undefined
}

/** @param cached whether attention also sees the inputs `past.k` and `past.v` */
export function createTrace(config: ModelConfig, { cached = false }: { cached?: boolean } = {}): Trace {
  const parameters = new Map<string, Node>()
  const tables = new Map<string, Node>()
  const linears: TracedLinear[] = []
  let present: { k: Node; v: Node } | undefined
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
      const node = linear(x, weight, bias ? tracer.parameter(`${name}.bias`, [out]) : undefined)
      linears.push({ name, node, input: x })
      return node
    },
    attend(q, k, v, options) {
      if (!cached) return attention(q, k, v, options)
      present = { k: withPast('past.k', k), v: withPast('past.v', v) }
      return attention(q, present.k, present.v, options)
    },
  }
  return { tracer, parameters, tables, linears, present: () => present }
}

function withPast(name: string, x: Node): Node {
  return concat([input(name, 'f32', ['batch', 'past', x.shape.at(-1)!]), x], 1)
}
