import type { TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { SinterError } from '../errors.ts'
import type { Model } from '../model.ts'
import type { TrainMethod } from './method.ts'
import { ownCopy } from './stored-layers.ts'

export interface FullOptions {
  readonly trains: 'everything' | 'blocks' | 'norms'
  readonly blocks?: readonly number[] | undefined
}

/** Moves the model's own tensors: all of them, those of blocks, or norms alone. */
export const full: TrainMethod<FullOptions> = {
  kind: 'train',
  name: 'full',
  title: 'Full-parameter training',
  paper: 'arXiv:1706.03762',
  options: z.strictObject({
    trains: z
      .enum(['everything', 'blocks', 'norms'])
      .default('everything')
      .describe('Which tensors move: everything, those of the blocks, or only norms.'),
    blocks: z.array(z.int().min(0)).optional().describe('Only these blocks, counted from 0.'),
  }),
  needs: () => [],
  async setUp(model, options) {
    const parameters = new Map<string, TensorF32>()
    for (const name of trainedNames(model, options)) parameters.set(name, await ownCopy(model, name))
    return { parameters }
  },
}

function trainedNames(model: Model, { trains, blocks }: FullOptions): string[] {
  const beyond = blocks?.find(block => block >= model.blocks)
  if (beyond !== undefined)
    throw new SinterError('recipe', `full: there is no block ${beyond}; the model has 0 … ${model.blocks - 1}`)
  const chosen = blocks ?? Array.from({ length: model.blocks }, (_, i) => i)
  const inside = chosen.flatMap(block => [...model.blockTensors(block).values()])
  const { embedding, head, positions, projectIn, headInput } = model.outside
  const outside = [embedding, head, positions?.name, projectIn, ...headInput.values()].filter(
    name => name !== undefined,
  )
  const all = trains === 'blocks' || blocks ? inside : [...outside, ...inside]
  const names = trains === 'norms' ? all.filter(name => model.source.info(name).shape.length === 1) : all
  return [...new Set(names)]
}
