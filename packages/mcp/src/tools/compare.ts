import { readFile, stat } from 'node:fs/promises'
import { compareWeights, relativeChange, type WeightChange } from '@sinter/engine'
import { evaluate } from '@sinter/eval'
import { type Model, openModel, SinterError, weigh } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { z } from 'zod'
import { path } from '../recipe.ts'
import { type AddTool, answer, failed, progressOf } from '../tool.ts'

const MAX_TEXT_BYTES = 256 * 2 ** 20
/** Those that changed most. */
const MAX_TENSORS = 20

const size = z.object({ parameters: z.number(), tensorBytes: z.number(), bitsPerWeight: z.number() })

export const compare: AddTool = ({ server, places }) =>
  server.registerTool(
    'compare',
    {
      title: 'Compare two models',
      description:
        'An original and what was made from it: sizes, how far every matrix moved, and with a text perplexity, KL divergence and how often both expect ' +
        'the same token. Changes nothing.',
      inputSchema: z.object({
        original: path('The original model.'),
        model: path('What was made from it.'),
        text: path('A text file to score both on; without it only weights are compared.').optional(),
        windows: z.int().min(1).max(10_000).default(4).describe('Windows of the text.'),
        length: z.int().min(3).max(32_768).default(512).describe('Tokens of a window.'),
      }),
      outputSchema: z.looseObject({
        original: size,
        model: size,
        weightChange: z.number().nullable().describe('‖W − W₀‖ / ‖W₀‖ over all matrices that both have.'),
        mostChanged: z.array(z.object({ tensor: z.string(), change: z.number() })),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ original, model: other, text, windows, length }, context) => {
      try {
        const paths = [await places.existing(original), await places.existing(other)] as const
        const scored = text === undefined ? undefined : await readText(await places.existing(text))
        return await withModels(paths, async (base, model) => {
          const progress = progressOf(context)
          const { signal } = context.mcpReq
          const changes: WeightChange[] = []
          for await (const change of compareWeights(model, base, { signal })) {
            changes.push(change)
            progress('weights', change.block + 1, base.blocks)
          }
          const quality = scored === undefined ? {} : await qualityOf(base, model, scored)
          return answer({
            original: weigh(base),
            model: weigh(model),
            weightChange: finite(relativeChange(changes)),
            mostChanged: mostChanged(changes),
            ...quality,
          })

          async function qualityOf(base: Model, model: Model, text: string) {
            const backend = ortNodeBackend()
            const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }) =>
              progress(stage, done, total)
            const options = { model, base, text, windows, length, backend, signal, onProgress }
            const { perplexity, basePerplexity, divergence } = await evaluate(options).finally(() => backend.close())
            return {
              perplexity: perplexity.value,
              originalPerplexity: basePerplexity?.value,
              klDivergence: divergence?.kl.value,
              sameTopToken: divergence?.topAgreement.value,
            }
          }
        })
      } catch (error) {
        return failed(error)
      }
    },
  )

async function withModels<T>(
  [first, second]: readonly [string, string],
  work: (base: Model, model: Model) => Promise<T>,
): Promise<T> {
  const base = await openModel(first)
  try {
    const model = await openModel(second)
    return await work(base, model).finally(() => model.close())
  } finally {
    await base.close()
  }
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_TEXT_BYTES)
    throw new SinterError('option', `${file}: ${size} bytes; a text of at most ${MAX_TEXT_BYTES} is scored, cut it`)
  return readFile(file, 'utf8')
}

const mostChanged = (changes: readonly WeightChange[]) =>
  changes
    .map(change => ({ tensor: change.tensor, change: relativeChange([change]) }))
    .filter(({ change }) => Number.isFinite(change))
    .sort((a, b) => b.change - a.change)
    .slice(0, MAX_TENSORS)

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
