import { type Bindings, bindShape, boundShape } from '../graph/bind.ts'
import type { Graph } from '../graph/graph.ts'
import type { Argument } from './backend.ts'

/**
 * Checks that every input is there and fits, before a runtime sees it.
 * @returns the shape of an output under these inputs
 * @throws TypeError naming the input, the shape expected and the one that came
 */
export function checkInputs(graph: Graph, inputs: Readonly<Record<string, Argument>>): (output: string) => number[] {
  const bindings: Bindings = new Map()
  for (const [name, node] of graph.inputs) {
    const given = inputs[name]
    if (!given) throw new TypeError(`graph input "${name}" is missing`)
    if (given.dtype !== node.dtype)
      throw new TypeError(`graph input "${name}": expected ${node.dtype}, got ${given.dtype}; convert it first`)
    bindShape(name, node.shape, given.shape, bindings)
  }
  return output => boundShape(graph.outputs.get(output)!, bindings)
}
