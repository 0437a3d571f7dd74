import { graph, isInput, type Node } from '@sinter/tensor-core'
import type { TracedLinear } from './families/tracer.ts'
import type { LayerGroup, Producer } from './method.ts'

/** Linears by common input, in order of use, each group with where a scale of its input's channels can be absorbed. */
export function findGroups(
  linears: readonly TracedLinear[],
  output: Node,
): readonly { readonly group: LayerGroup; readonly input: Node }[] {
  const users = usersOf(output)
  const byInput = new Map<Node, TracedLinear[]>()
  for (const linear of linears) byInput.set(linear.input, [...(byInput.get(linear.input) ?? []), linear])
  return [...byInput].map(([input, members]) => {
    const producer = findProducer(input, members, users)
    const names = members.map(member => member.name)
    return { input, group: { linears: names, width: input.shape.at(-1) as number, ...(producer && { producer }) } }
  })
}

type Users = ReadonlyMap<Node, readonly Node[]>

function usersOf(output: Node): Users {
  const users = new Map<Node, Node[]>([[output, [output]]])
  for (const node of graph({ output }).nodes)
    for (const input of new Set(node.inputs)) users.set(input, [...(users.get(input) ?? []), node])
  return users
}

/**
 * A fold is exact when all that reads the scaled value is this group: a norm's output that also runs along the residual
 * stream (post-norm models) has no producer.
 */
function findProducer(input: Node, members: readonly TracedLinear[], users: Users): Producer | undefined {
  const readers = users.get(input) ?? []
  if (readers.some(reader => !members.some(member => member.node === reader))) return undefined
  switch (input.op) {
    case 'rmsNorm':
    case 'layerNorm':
      return normProducer(input)
    case 'attention':
      return valueProducer(input, users)
    case 'mul':
      return productProducer(input, users)
    case 'relu':
      // max(0, x)·s = max(0, x·s) for s > 0; no other activation commutes with a scale.
      return linearProducer(input.inputs[0]!, input, users)
    default:
      return undefined
  }
}

function normProducer({ inputs: [, weight, bias] }: Node): Producer | undefined {
  const offset = weight!.op === 'add' ? 1 : 0
  const stored = offset ? weight!.inputs[0]! : weight!
  if (!isInput(stored) || (bias && !isInput(bias))) return undefined
  return { kind: 'norm', weight: nameOf(stored), ...(bias && { bias: nameOf(bias) }), offset }
}

/** Attention is linear in its values, channel by channel; grouped heads share the channels of one value head. */
function valueProducer(attention: Node, users: Users): Producer | undefined {
  const producer = linearProducer(attention.inputs[2]!, attention, users)
  if (producer?.kind !== 'linear') return undefined
  const { heads, kvHeads, headDim } = attention.attributes as { heads: number; kvHeads: number; headDim: number }
  return { ...producer, heads: { heads, kvHeads, headDim } }
}

/** `act(gate) · up` is linear in up; the gate passes through the activation and cannot be scaled. */
function productProducer(product: Node, users: Users): Producer | undefined {
  const [a, b] = product.inputs
  return linearProducer(b!, product, users) ?? linearProducer(a!, product, users)
}

/** The linear, or the slice of a fused one, whose output only `user` reads. */
function linearProducer(value: Node, user: Node, users: Users): Producer | undefined {
  const readOnce = (node: Node, by: Node) => users.get(node)?.every(reader => reader === by) ?? false
  if (!readOnce(value, user)) return undefined
  if (value.op === 'linear') return rowsOf(value, 0, value.shape.at(-1) as number)
  const [from] = value.inputs
  if (value.op !== 'slice' || from!.op !== 'linear') return undefined
  const { axis, start, end } = value.attributes as { axis: number; start: number; end: number }
  if (axis !== from!.shape.length - 1 || overlaps(from!, value, start, end, users)) return undefined
  return rowsOf(from!, start, end - start)
}

/** Whether something besides `own` reads these channels of a fused linear. */
function overlaps(from: Node, own: Node, start: number, end: number, users: Users): boolean {
  return (users.get(from) ?? []).some(reader => {
    if (reader === own) return false
    const { start: s, end: e } = reader.attributes as { start: number; end: number }
    return reader.op !== 'slice' || (s < end && e > start)
  })
}

function rowsOf({ inputs: [, weight, bias] }: Node, start: number, channels: number): Producer {
  return { kind: 'linear', weight: nameOf(weight!), ...(bias && { bias: nameOf(bias) }), start, channels }
}

const nameOf = (node: Node): string => node.attributes.name as string
