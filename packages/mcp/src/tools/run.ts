import { compress, finishRun, type Outcome, type Plan, type RunResult } from '@sinter/engine'
import { z } from 'zod'
import { job, path } from '../recipe.ts'
import { type AddTool, answer, failed, progressOf } from '../tool.ts'
import { costOf, planOf } from './plan.ts'

export const run: AddTool = ({ server, places, confirm }) =>
  server.registerTool(
    'run',
    {
      title: 'Compress a model',
      description:
        'Compresses a model by a recipe, into a new folder or file, and reports what it cost. It never starts without a person: the client asks its ' +
        'user, or this answers with a token; show the user what would happen, and only when they agree call again with that confirmation. ' +
        'Takes minutes to hours; reports progress; a cancelled run goes on with resume.',
      inputSchema: z.object({
        ...job,
        out: path('What to make: a folder, or a file for gguf. It must not exist.'),
        resume: z.boolean().optional().describe('Goes on with an unfinished run into the same place.'),
        confirmation: z.string().max(100).optional().describe('The token of an earlier call with the same arguments.'),
      }),
      outputSchema: z.looseObject({
        state: z.enum(['done', 'needs-confirmation']),
        out: z.string().optional(),
        confirmation: z.string().optional(),
      }),
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    },
    async ({ confirmation, resume = false, ...given }, context) => {
      try {
        const plan = await planOf(given, places)
        const out = await places.fresh(given.out)
        const agreed = confirm(context, question(plan, out), { ...given, resume }, confirmation)
        if (agreed.state === 'asked') return agreed.result
        if (agreed.state === 'token')
          return answer({ state: 'needs-confirmation', confirmation: agreed.token, ...costOf(plan), out })
        const progress = progressOf(context)
        const { signal } = context.mcpReq
        const result = await finished(compress(plan, { out, resume, signal }), progress)
        const outcome = await finishRun(plan, result, {
          report: true,
          signal,
          onProgress: ({ stage, done, total }) => progress(`evaluate ${stage}`, done, total),
        })
        return answer({ state: 'done', ...summaryOf(result, outcome) })
      } catch (error) {
        return failed(error)
      }
    },
  )

function question(plan: Plan, out: string): string {
  const { seconds, memoryBytes, outputBytes } = plan.estimate
  const steps = plan.recipe.steps.map(({ method }) => method).join(', ')
  return (
    `Compress ${plan.model.path} with ${steps} into ${out}? About ${Math.ceil(seconds / 60)} min, ` +
    `${Math.ceil(memoryBytes / 2 ** 20)} MiB of memory, ${(outputBytes / 1e6).toFixed(1)} MB on the disk.`
  )
}

async function finished(
  events: ReturnType<typeof compress>,
  progress: (message: string, done: number, total: number) => void,
): Promise<RunResult> {
  for (;;) {
    const { done, value } = await events.next()
    if (done) return value
    if (value.type === 'progress') progress(value.stage, value.done, value.total)
  }
}

function summaryOf({ path: out, outputBytes, notes }: RunResult, { evaluation, report }: Outcome) {
  const { perplexity, basePerplexity, divergence } = evaluation?.evaluation ?? {}
  return {
    out,
    outputBytes,
    notes: notes.map(({ layer, note }) => `${layer}: ${note.message}`),
    ...(report && { report: report.html }),
    ...(perplexity && { perplexity: perplexity.value }),
    ...(basePerplexity && { originalPerplexity: basePerplexity.value }),
    ...(divergence && { klDivergence: divergence.kl.value, sameTopToken: divergence.topAgreement.value }),
  }
}
