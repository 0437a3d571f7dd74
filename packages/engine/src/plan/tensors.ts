import type { BlockGraph, LayerGroup, Model } from '@sinter/model'

export type Role = 'linear' | 'embedding' | 'head' | 'norm or bias' | 'other'

/** One tensor of the checkpoint and what it is for. */
export interface TensorRole {
  /** Name in the checkpoint. */
  readonly tensor: string
  readonly block: number | null
  /** Canonical inside the block, without `.weight`; the checkpoint's outside. */
  readonly name: string
  /** As stored. */
  readonly shape: readonly number[]
  readonly role: Role
  /** Of a linear layer: the matrices behind the same input. */
  readonly group?: LayerGroup
  /** Of a linear layer, whatever the checkpoint's layout. */
  readonly matrix?: readonly [out: number, inputs: number]
  /** A scale of some group's input can be folded into it. */
  readonly takesScales: boolean
}

const plainName = (name: string): string => name.replace(/\.weight$/, '')

/** Every tensor of a checkpoint, in the order in which it lists them. */
export function tensorRoles(model: Model): TensorRole[] {
  const inBlocks = new Map<string, TensorRole>()
  for (let block = 0; block < model.blocks; block++) for (const t of blockRoles(model, block)) inBlocks.set(t.tensor, t)
  return model.source.names().map(
    tensor =>
      inBlocks.get(tensor) ?? {
        tensor,
        block: null,
        name: plainName(tensor),
        shape: model.source.info(tensor).shape,
        role: outsideRole(model, tensor),
        takesScales: false,
      },
  )
}

function blockRoles(model: Model, block: number): TensorRole[] {
  const graph = model.blockGraph(block)
  const folded = foldTargets(graph)
  return [...model.blockTensors(block)].map(([canonical, tensor]) => {
    const name = plainName(canonical)
    const { shape } = model.source.info(tensor)
    const group = canonical.endsWith('.weight') ? graph.groups.find(g => g.linears.includes(name)) : undefined
    const common = { tensor, block, name, shape, takesScales: folded.has(canonical) }
    if (!group) return { ...common, role: shape.length === 1 ? 'norm or bias' : 'other' }
    const out = (shape[0]! * shape[1]!) / group.width
    return { ...common, role: 'linear', group, matrix: [out, group.width] }
  })
}

function foldTargets({ groups }: BlockGraph): ReadonlySet<string> {
  const names = groups.flatMap(({ producer }) =>
    producer ? [producer.weight, ...(producer.bias ? [producer.bias] : [])] : [],
  )
  return new Set(names)
}

function outsideRole({ family, source, config }: Model, tensor: string): Role {
  const { embedding, head } = family.tensors
  if (tensor.endsWith(head) && !config.tied) return 'head'
  if (tensor.endsWith(embedding)) return 'embedding'
  return source.info(tensor).shape.length === 1 ? 'norm or bias' : 'other'
}
