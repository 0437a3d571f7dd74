import { type InputNode, isInput, type Node } from './node.ts'

/** A pure function of named tensors. */
export interface Graph {
  readonly inputs: ReadonlyMap<string, InputNode>
  readonly outputs: ReadonlyMap<string, Node>
  /** Every node that an output needs, operands first. */
  readonly nodes: readonly Node[]
}

/**
 * Closes the nodes that the outputs need into a Graph.
 * @throws TypeError when two different inputs carry one name
 */
export function graph(outputs: Readonly<Record<string, Node>>): Graph {
  const nodes = topological(Object.values(outputs))
  const inputs = new Map<string, InputNode>()
  for (const node of nodes) {
    if (!isInput(node)) continue
    const { name } = node.attributes
    const other = inputs.get(name)
    if (other) throw new TypeError(`graph input "${name}" was declared twice; declare it once and share the node`)
    inputs.set(name, node)
  }
  return { inputs, outputs: new Map(Object.entries(outputs)), nodes }
}

/**
 * The part of a computation between `from` and `to`: nodes in `from` become inputs of that name.
 * Nodes that `to` does not need are left out, so a stage computes only what it must.
 */
export function extract(from: ReadonlyMap<Node, string>, to: Readonly<Record<string, Node>>): Graph {
  const replaced = new Map<Node, Node>()
  const rebuild = (node: Node): Node => {
    const known = replaced.get(node)
    if (known) return known
    const name = from.get(node)
    const made: Node =
      name !== undefined
        ? { op: 'input', inputs: [], attributes: { name }, dtype: node.dtype, shape: node.shape }
        : node.inputs.length === 0
          ? node
          : { ...node, inputs: node.inputs.map(rebuild) }
    replaced.set(node, made)
    return made
  }
  return graph(Object.fromEntries(Object.entries(to).map(([name, node]) => [name, rebuild(node)])))
}

/** Operands before users. Iterative, so a deep graph cannot exhaust the stack. */
export function topological(roots: readonly Node[]): Node[] {
  const order: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const visit = (node: Node) => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push({ node, next: 0 })
  }
  for (const root of roots) {
    visit(root)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++]!)
      else order.push(stack.pop()!.node)
    }
  }
  return order
}
