import { constant } from '../ops/constant.ts'
import { add } from '../ops/elementwise.ts'
import { expandLike } from '../ops/like.ts'
import { shareEqual } from './deduplicate.ts'
import { type Graph, graph, topological } from './graph.ts'
import { input, type Node } from './node.ts'
import { opOf } from './op.ts'

/** Output of a graph that holds the gradient with respect to the input `name`. */
export const gradientName = (name: string): string => `grad.${name}`

/**
 * Reverse mode: the graph that computes what `g` does, and beside it the gradient of the scalar output `of` with respect to
 * inputs. The gradient of a graph is a graph, so it runs wherever its operations run.
 * @param of an output whose sum is differentiated; a loss
 * @param wrt names of inputs; the result has an output `grad.NAME` for each, zero where `of` does not depend on it
 * @throws TypeError for a name that the graph lacks, and for an operation that has no gradient along the way
 */
export function grad(g: Graph, { of, wrt }: { readonly of: string; readonly wrt: readonly string[] }): Graph {
  const loss = outputOf(g, of)
  const seed = loss.shape.length === 0 ? constant(1) : expandLike(constant(1), loss)
  return graph(shareEqual({ ...Object.fromEntries(g.outputs), ...gradientsOf(g, new Map([[loss, seed]]), wrt) }))
}

/**
 * The pull-back of a graph: from the gradients of some loss with respect to its outputs, given as extra inputs, to those with
 * respect to its inputs. With it a model is differentiated block by block, each recomputed from its own input.
 * @param given for each output that the loss depends on, the name of the extra input
 * @param wrt names of inputs; the result has an output `grad.NAME` for each and nothing else
 */
export function pullback(
  g: Graph,
  { given, wrt }: { readonly given: Readonly<Record<string, string>>; readonly wrt: readonly string[] },
): Graph {
  const seeds = new Map<Node, Node>()
  for (const [output, name] of Object.entries(given)) {
    const node = outputOf(g, output)
    seeds.set(node, input(name, node.dtype, node.shape))
  }
  return graph(shareEqual(gradientsOf(g, seeds, wrt)))
}

function gradientsOf(g: Graph, seeds: ReadonlyMap<Node, Node>, wrt: readonly string[]): Record<string, Node> {
  const inputs = wrt.map(name => {
    const node = g.inputs.get(name)
    if (!node)
      throw new TypeError(`gradient: the graph has no input "${name}"; it has ${[...g.inputs.keys()].join(', ')}`)
    return node
  })
  const found = gradients(seeds, inputs)
  return Object.fromEntries(
    inputs.map((node, i) => [gradientName(wrt[i]!), found.get(node) ?? expandLike(constant(0), node)]),
  )
}

function outputOf(g: Graph, name: string): Node {
  const node = g.outputs.get(name)
  if (!node)
    throw new TypeError(`gradient: the graph has no output "${name}"; it has ${[...g.outputs.keys()].join(', ')}`)
  return node
}

/**
 * Gradients of Σ seed·node over all `seeds` with respect to the nodes in `wrt`, which are taken as independent: nothing flows
 * further back than they are. A node that no seed depends on has no entry.
 */
export function gradients(seeds: ReadonlyMap<Node, Node>, wrt: readonly Node[]): Map<Node, Node> {
  const leaves = new Set(wrt)
  const order = topological([...seeds.keys()])
  const depends = dependents(order, leaves)
  const flowing = new Map<Node, Node>(seeds)
  const send = (node: Node, part: Node) => {
    const before = flowing.get(node)
    flowing.set(node, before ? add(before, part) : part)
  }
  for (const node of order.toReversed()) {
    const given = flowing.get(node)
    if (!given || leaves.has(node) || !depends.has(node)) continue
    const { gradient } = opOf(node.op)
    if (gradient === 'none') continue
    const wants = node.inputs.map(operand => depends.has(operand))
    for (const [i, part] of gradient(node, given, wants).entries()) if (part && wants[i]) send(node.inputs[i]!, part)
  }
  return new Map(wrt.flatMap(node => (flowing.has(node) ? [[node, flowing.get(node)!] as const] : [])))
}

function dependents(order: readonly Node[], leaves: ReadonlySet<Node>): ReadonlySet<Node> {
  const found = new Set<Node>(leaves)
  for (const node of order) if (node.inputs.some(operand => found.has(operand))) found.add(node)
  return found
}
