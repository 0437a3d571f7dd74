import {
  blockConfig,
  type FeatureInputs,
  type FeatureNodes,
  type FeatureTerm,
  type Model,
  SinterError,
  weightedSum,
} from '@sinter/model'
import type { Node } from '@sinter/tensor-core'
import { z } from 'zod'
import { logRelation, type Relation, relationKl, repeatHeads } from './feature-losses.ts'

export interface RelationTransferOptions {
  /** Of each term. */
  readonly weight: number
  /** The blocks that are compared; default the last of each. */
  readonly blocks?: { readonly student: number; readonly teacher: number } | undefined
  /** Queries, keys and values are cut anew into so many heads, which both then have; default: by the models' own heads. */
  readonly relationHeads?: number | undefined
}

export type RelationTransferInput = {
  readonly [Key in keyof RelationTransferOptions]?: RelationTransferOptions[Key] | undefined
}

const block = z.int().min(0).max(4096)

export const relationTransferSchema: z.ZodType<RelationTransferOptions, RelationTransferInput> = z.strictObject({
  weight: z.number().positive().default(1).describe('Share of each relation in the loss.'),
  blocks: z
    .strictObject({ student: block, teacher: block })
    .optional()
    .describe('The blocks that are compared, counted from 0. Default: the last of each.'),
  relationHeads: z
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe('Cut queries, keys and values into so many heads, for models with different numbers of them.'),
})

/**
 * How positions look at each other in one block. By the models' own heads: attention and values (MiniLM, 2002.10957 §3); by
 * `relationHeads`: queries, keys and values among themselves (MiniLMv2, 2012.15828 §3). Heads that share keys and values
 * count with copies of their own.
 * @throws SinterError when the numbers of heads differ, or do not divide the widths
 */
export function relationTransfer(
  student: Model,
  teacher: Model,
  options: RelationTransferInput = {},
): readonly FeatureTerm[] {
  const { weight, blocks, relationHeads } = relationTransferSchema.parse(options)
  const of = blocks ?? { student: student.blocks - 1, teacher: teacher.blocks - 1 }
  const sides = [sideOf(student, of.student), sideOf(teacher, of.teacher)] as const
  checkHeads(sides, relationHeads)
  const relations: Readonly<Record<string, (side: Side, parts: FeatureNodes, documents: Node | undefined) => Node>> =
    relationHeads === undefined
      ? { attention: ownAttention, values: (side, parts, documents) => among(side, parts, 'v', side.heads, documents) }
      : Object.fromEntries(
          (['q', 'k', 'v'] as const).map(part => [
            part,
            (side: Side, parts: FeatureNodes, documents: Node | undefined) =>
              among(side, parts, part, relationHeads, documents),
          ]),
        )
  return Object.entries(relations).map(([name, relation]) => ({
    name: `relation.${name}`,
    weight,
    student: { at: 'attention', index: of.student },
    teacher: { at: 'attention', index: of.teacher },
    loss: ({ student: own, teacher: other, weights, documents }: FeatureInputs) =>
      weightedSum(relationKl(relation(sides[0], own, documents), relation(sides[1], other, documents)), weights),
  }))
}

interface Side {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly attention: Omit<Relation, 'heads' | 'documents'>
}

function sideOf(model: Model, index: number): Side {
  const config = blockConfig(model.config, index)
  const layer = config.layers[index]
  return {
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    attention: { scale: layer?.attentionScale, window: layer?.window, softcap: config.attentionSoftcap },
  }
}

const wide = ({ heads, kvHeads }: Side, parts: FeatureNodes, part: 'q' | 'k' | 'v'): Node =>
  part === 'q' ? parts.q! : repeatHeads(parts[part]!, kvHeads, heads)

const ownAttention = (side: Side, parts: FeatureNodes, documents: Node | undefined): Node =>
  logRelation(parts.q!, wide(side, parts, 'k'), { heads: side.heads, ...side.attention, documents })

function among(
  side: Side,
  parts: FeatureNodes,
  part: 'q' | 'k' | 'v',
  heads: number,
  documents: Node | undefined,
): Node {
  const x = wide(side, parts, part)
  return logRelation(x, x, { heads, window: side.attention.window, documents })
}

function checkHeads(sides: readonly [Side, Side], relationHeads: number | undefined): void {
  const widths = sides.map(({ heads, headDim }) => heads * headDim)
  if (relationHeads === undefined) {
    const [own, other] = sides.map(({ heads }) => heads)
    if (own === other) return
    throw new SinterError(
      'option',
      `relation transfer: the student has ${own} heads and the teacher ${other}; give relationHeads, a divisor of ${widths.join(' and ')}`,
    )
  }
  const wrong = widths.find(width => width % relationHeads !== 0)
  if (wrong !== undefined)
    throw new SinterError('option', `relation transfer: ${relationHeads} heads do not divide a width of ${wrong}`)
}
