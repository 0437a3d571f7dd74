import { createHash } from 'node:crypto'
import { type Graph, graph, type InputNode, input, type Node } from '@sinter/tensor-core'
import { blockConfig, type ModelConfig } from './config.ts'
import type { Family } from './families/family.ts'
import { type AttentionPart, createTrace, type TraceOptions } from './families/tracer.ts'
import { findGroups } from './folds.ts'
import type { BlockGraph } from './model.ts'

/** A traced block, with the shapes its parameters must have. */
export interface TracedBlock extends BlockGraph {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** What enters attention, queries and keys after they rotated: `['batch', 'tokens', heads · headDim]`. */
  readonly attended: Readonly<Record<AttentionPart, Node>>
}

/** Traces block `index` of a model. */
export function traceBlock(
  family: Family,
  config: ModelConfig,
  index: number,
  options: Omit<TraceOptions, 'cached'> = {},
): TracedBlock {
  const layer = config.layers[index]
  if (!layer) throw new RangeError(`block ${index}: the model has blocks 0 … ${config.blocks - 1}`)
  const x = streamInput(config)
  const trace = createTrace(blockConfig(config, index), options)
  const output = family.block(trace.tracer, x, layer)
  const groups = findGroups(trace.linears, output)
  return {
    key: structureKey(graph({ y: output })),
    input: x,
    output,
    parameters: [...trace.parameters.keys()],
    tables: [...trace.tables.keys()],
    linears: trace.linears,
    groups: groups.map(({ group }) => group),
    groupInputs: groups.map(({ input: node }) => node),
    attended: trace.attended()!,
    shapes: new Map([...trace.parameters].map(([name, node]) => [name, node.shape as readonly number[]])),
    cached: () => cachedBlock(family, config, index, options),
  }
}

function cachedBlock(family: Family, config: ModelConfig, index: number, options: TraceOptions): Graph {
  const trace = createTrace(blockConfig(config, index), { ...options, cached: true })
  const y = family.block(trace.tracer, streamInput(config), config.layers[index]!)
  const { k, v } = trace.present()!
  return graph({ y, 'present.k': k, 'present.v': v })
}

/** The residual stream. */
export const streamInput = (config: ModelConfig): InputNode => input('x', 'f32', ['batch', 'tokens', config.hiddenSize])

/** Names a graph by what it computes, so that equal blocks, of any model, share a compiled one. */
export function structureKey(g: Graph): string {
  const order = new Map<Node, number>(g.nodes.map((node, i) => [node, i]))
  const lines = g.nodes.map(node =>
    JSON.stringify([node.op, node.dtype, node.shape, node.inputs.map(operand => order.get(operand)), node.attributes]),
  )
  const outputs = [...g.outputs].map(([name, node]) => `${name}=${order.get(node)}`)
  return createHash('sha256')
    .update([...lines, ...outputs].join('\n'))
    .digest('hex')
    .slice(0, 24)
}
