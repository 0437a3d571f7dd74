import { topological } from './graph.ts'
import { isInput, type Node } from './node.ts'

/** The same outputs with equal subexpressions made one node: a gradient rule may write again what the forward pass has. */
export function shareEqual(outputs: Readonly<Record<string, Node>>): Record<string, Node> {
  const numbers = new Map<Node, number>()
  const known = new Map<string, Node>()
  const replaced = new Map<Node, Node>()
  for (const node of topological(Object.values(outputs))) {
    const inputs = node.inputs.map(operand => replaced.get(operand)!)
    const same = inputs.every((operand, i) => operand === node.inputs[i])
    const key = isInput(node)
      ? `input ${node.attributes.name}`
      : JSON.stringify([node.op, node.dtype, node.attributes, inputs.map(operand => numbers.get(operand))])
    const found = isInput(node) ? node : (known.get(key) ?? (same ? node : { ...node, inputs }))
    known.set(key, found)
    replaced.set(node, found)
    if (!numbers.has(found)) numbers.set(found, numbers.size)
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, node]) => [name, replaced.get(node)!]))
}
