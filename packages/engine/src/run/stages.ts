import type { BlockGraph } from '@sinter/model'
import type { Node } from '@sinter/tensor-core'

/**
 * One step of the walk through a block: from the carried values to the input of one LayerGroup. Compressing a group before
 * the next one's input is computed is GPTQ's "true sequential" order, and it computes every linear once, not twice.
 */
export interface Stage {
  readonly group: number
  /** Values that this stage starts from: carried for every calibration batch. */
  readonly from: readonly Node[]
  /** Values that are carried on from here. */
  readonly carry: readonly Node[]
}

/** Plans the stages of a block, and what the last one starts from. */
export function planStages(block: BlockGraph): { stages: Stage[]; last: readonly Node[] } {
  const hidden = widthOf(block.input)
  let carried: readonly Node[] = [block.input]
  const stages = block.groupInputs.map((target, group): Stage => {
    const from = carried
    carried = nextCarry(from, target, block.output, hidden)
    return { group, from, carry: carried }
  })
  return { stages, last: carried }
}

const widthOf = (node: Node) => node.shape.at(-1) as number

/**
 * What to keep while the group behind `target` is compressed. If one value separates all that was computed from all that is
 * still needed (the residual stream), that alone. Else the target joins what is carried, when it costs a product to compute
 * again.
 */
function nextCarry(from: readonly Node[], target: Node, output: Node, hidden: number): readonly Node[] {
  const waist = separator(from, [target, output])
  if (waist && !from.includes(waist) && widthOf(waist) <= hidden) return [waist]
  if (from.includes(target) || !costsProduct(target, from)) return from
  return needed(output, [...from, target])
}

/** The last node through which every path from `from` to every target runs. */
function separator(from: readonly Node[], targets: readonly Node[]): Node | undefined {
  const dominators = new Map<Node, Set<Node>>()
  const visit = (node: Node): Set<Node> | undefined => {
    if (from.includes(node)) return new Set(from.length === 1 ? [node] : [])
    const known = dominators.get(node)
    if (known) return known
    const sets = node.inputs.map(visit).filter(set => set !== undefined)
    if (sets.length === 0) return undefined
    const own = new Set(sets.reduce(intersect))
    own.add(node)
    dominators.set(node, own)
    return own
  }
  const common = targets.map(target => visit(target) ?? new Set<Node>()).reduce(intersect)
  return [...common].sort((a, b) => depth(a) - depth(b)).at(-1)
}

const intersect = (a: ReadonlySet<Node>, b: ReadonlySet<Node>): Set<Node> => new Set([...a].filter(node => b.has(node)))

const depths = new WeakMap<Node, number>()

function depth(node: Node): number {
  const known = depths.get(node)
  if (known !== undefined) return known
  const value = 1 + Math.max(-1, ...node.inputs.map(depth))
  depths.set(node, value)
  return value
}

const costly = new Set(['linear', 'matmul', 'attention'])

function costsProduct(node: Node, from: readonly Node[]): boolean {
  return !from.includes(node) && (costly.has(node.op) || node.inputs.some(input => costsProduct(input, from)))
}

/** The members of `available` that `output` is computed from. */
function needed(output: Node, available: readonly Node[]): readonly Node[] {
  const found = new Set<Node>()
  const seen = new Set<Node>()
  const visit = (node: Node) => {
    if (seen.has(node)) return
    seen.add(node)
    if (available.includes(node)) found.add(node)
    else node.inputs.forEach(visit)
  }
  visit(output)
  return available.filter(node => found.has(node))
}
