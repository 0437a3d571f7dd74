import { averageBits, type Plan } from '@sinter/engine'
import type { PlanAnswer } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'
import { prepareRecipe } from '../run/prepare-recipe.ts'

export const plan: Handler<'plan'> = async params => {
  const { diagnostics, planned } = await prepareRecipe(params)
  return { diagnostics, ...(planned && { plan: answer(planned.plan, planned.out) }) }
}

function answer({ model, rows, output, estimate, threads }: Plan, out: string): PlanAnswer {
  const { seconds, memoryBytes, diskBytes, outputBytes } = estimate
  return {
    model: model.path,
    family: model.family,
    blocks: model.blocks,
    parameters: model.parameters,
    out,
    format: `${output.container}:${output.encoding}`,
    tensors: rows.map(({ steps, stored, ...row }) => ({
      ...row,
      methods: steps.map(({ method }) => method.name),
      type: stored.type,
      bytes: stored.bytes,
    })),
    averageBits: averageBits(rows) ?? null,
    estimate: { seconds, memoryBytes, diskBytes, outputBytes },
    threads,
  }
}
