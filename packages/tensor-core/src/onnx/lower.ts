import type { Graph } from '../graph/graph.ts'
import { type InputNode, isInput, type Node } from '../graph/node.ts'
import { type OnnxEmitter, type Op, opOf } from '../graph/op.ts'
import { createOnnxBuilder } from './builder.ts'

/** Writes a Graph as an ONNX model. Named dimensions stay named, so one model serves every batch. */
export function toOnnx(graph: Graph): Uint8Array {
  const builder = createOnnxBuilder()
  const values = lowerGraph(builder, graph, node => node.attributes.name)
  // Graph outputs keep the caller's names, whatever made them.
  for (const name of graph.outputs.keys()) builder.add('Identity', [values.get(name)!], [outputName(name)])
  for (const [name, { dtype, shape }] of graph.inputs) builder.input(name, dtype, shape)
  for (const [name, { dtype, shape }] of graph.outputs) builder.output(outputName(name), dtype, shape)
  return builder.finish()
}

/** What an output is called inside the ONNX file: inputs and outputs may then share a name. */
export const outputName = (name: string): string => `out:${name}`

/**
 * Adds a Graph to a model that is being built.
 * @param bind the ONNX value that an input of the graph stands for
 * @param lowerings operations that are to be emitted otherwise than they would themselves
 * @returns the ONNX value of each output
 */
export function lowerGraph(
  emitter: OnnxEmitter,
  graph: Graph,
  bind: (input: InputNode) => string,
  lowerings: Readonly<Record<string, Op['lower']>> = {},
): Map<string, string> {
  const values = new Map<Node, string>()
  for (const node of graph.nodes) {
    if (isInput(node)) {
      values.set(node, bind(node))
      continue
    }
    const lower = lowerings[node.op] ?? opOf(node.op).lower
    const operands = node.inputs.map(operand => values.get(operand)!)
    values.set(node, lower(emitter, operands, node))
  }
  return new Map([...graph.outputs].map(([name, node]) => [name, values.get(node)!]))
}
