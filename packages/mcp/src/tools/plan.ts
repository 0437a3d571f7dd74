import { averageBits, formatPlan, type Plan, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'
import { z } from 'zod'
import type { Places } from '../places.ts'
import { type Job, job, path, recipeOf } from '../recipe.ts'
import { type AddTool, answer, failed } from '../tool.ts'

/** What a run would cost. */
export type Cost = {
  readonly model: string
  readonly format: string
  readonly averageBits: number | null
  readonly seconds: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly outputBytes: number
  readonly warnings: readonly string[]
}

const cost = z.object({
  model: z.string(),
  format: z.string(),
  averageBits: z.number().nullable().describe('A weight, over the compressed matrices.'),
  seconds: z.number(),
  memoryBytes: z.number(),
  diskBytes: z.number(),
  outputBytes: z.number(),
  warnings: z.array(z.string()),
})

/** The plan of a job, checked down to the last tensor. @throws SinterError, FormatError */
export async function planOf(given: Job & { readonly out?: string | undefined }, places: Places): Promise<Plan> {
  const recipe = await recipeOf(given, places)
  const model = await openModel(await places.existing(given.model))
  try {
    return await resolvePlan(model, recipe, {
      out: given.out === undefined ? undefined : await places.fresh(given.out),
    })
  } finally {
    await model.close()
  }
}

export function costOf({ model, output, rows, estimate, warnings }: Plan): Cost {
  const { seconds, memoryBytes, diskBytes, outputBytes } = estimate
  return {
    model: model.path,
    format: `${output.container}:${output.encoding}`,
    averageBits: averageBits(rows) ?? null,
    ...{ seconds, memoryBytes, diskBytes, outputBytes },
    warnings: [...warnings],
  }
}

const annotations = { readOnlyHint: true, openWorldHint: false }
const inputSchema = z.object({ ...job, out: path('Also checks that the result could be written there.').optional() })

export const plan: AddTool = ({ server, places }) =>
  server.registerTool(
    'plan',
    {
      title: 'Plan a compression',
      description:
        'What a recipe would do to every tensor of a model. Everything that can be known to fail is said; nothing is written.',
      inputSchema,
      outputSchema: cost.extend({
        tensors: z.array(
          z.object({
            tensor: z.string(),
            shape: z.array(z.number()),
            action: z.string(),
            methods: z.array(z.string()),
            type: z.string(),
            bytes: z.number(),
          }),
        ),
      }),
      annotations,
    },
    async given => {
      try {
        const found = await planOf(given, places)
        const tensors = found.rows.map(({ tensor, shape, action, steps, stored: { type, bytes } }) => ({
          ...{ tensor, shape: [...shape], action, type, bytes },
          methods: steps.map(({ method }) => method.name),
        }))
        return answer({ ...costOf(found), tensors }, formatPlan(found, { width: 120 }))
      } catch (error) {
        return failed(error)
      }
    },
  )

export const estimate: AddTool = ({ server, places }) =>
  server.registerTool(
    'estimate',
    {
      title: 'Estimate a compression',
      description:
        'Time, memory, disk and size of the result of a recipe on this machine, without the list of tensors. Nothing is written.',
      inputSchema,
      outputSchema: cost,
      annotations,
    },
    async given => {
      try {
        return answer(costOf(await planOf(given, places)))
      } catch (error) {
        return failed(error)
      }
    },
  )
