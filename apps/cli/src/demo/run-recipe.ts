import type { RunEvaluation } from '@sinter/engine'
import { finishRun } from '../finish-run.ts'
import { runPlan } from '../run-plan.ts'
import type { Progress } from '../terminal/progress.ts'
import type { DemoRecipe } from './demo-recipes.ts'

export interface DemoTexts {
  /** Paths. */
  readonly calibration: string
  readonly evaluation: string
  readonly prompt: string
}

export interface DemoJob {
  readonly model: string
  readonly path: string
  readonly texts: DemoTexts
  readonly threads: number | undefined
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface Quality {
  readonly perplexity: number
  readonly kl?: number
  readonly topAgreement?: number
  readonly continuation: string
}

/** One recipe's numbers, and the original's beside them. */
export interface DemoResult {
  readonly name: string
  readonly path: string
  readonly report: string
  /** Bytes of the weights in compressed form, and of the whole original. */
  readonly bytes: number
  readonly originalBytes: number
  /** Of the compressed matrices. */
  readonly bitsPerWeight: number
  readonly originalBits: number
  readonly seconds: number
  readonly prompt: string
  readonly original: Quality
  readonly compressed: Quality
}

export async function runRecipe(recipe: DemoRecipe, job: DemoJob): Promise<DemoResult> {
  const { checkRecipe, resolvePlan } = await import('@sinter/engine')
  const { openModel, weigh } = await import('@sinter/model')
  const { texts, path, threads, progress, signal } = job
  const checked = checkRecipe({
    version: 1,
    steps: recipe.steps,
    calibration: { text: texts.calibration, samples: 8, length: 256 },
    output: { format: recipe.format },
    evaluate: { text: texts.evaluation, windows: 6, length: 256, prompts: [texts.prompt] },
  })
  const model = await openModel(job.model)
  try {
    const plan = await resolvePlan(model, checked, { out: path, threads })
    const { parameters, tensorBytes, bitsPerWeight } = weigh(model)
    progress.note(`${recipe.name} …`)
    const result = await runPlan(plan, { out: path, signal, progress })
    const outcome = await finishRun(plan, result, { report: true, signal, progress })
    const { values, scales, zeroPoints, indices } = result.bits
    const compressedBytes = (values + scales + zeroPoints + indices) / 8
    return {
      name: recipe.name,
      path,
      report: outcome.report!.html,
      bytes: compressedBytes + (tensorBytes * (parameters - result.weights)) / parameters,
      originalBytes: tensorBytes,
      bitsPerWeight: (8 * compressedBytes) / result.weights,
      originalBits: bitsPerWeight,
      seconds: Object.values(result.timings).reduce((sum, seconds) => sum + seconds, 0),
      prompt: texts.prompt,
      ...qualities(outcome.evaluation!),
    }
  } finally {
    await model.close()
  }
}

export function qualities({ evaluation, generations }: RunEvaluation): Pick<DemoResult, 'original' | 'compressed'> {
  const { perplexity, basePerplexity, divergence } = evaluation
  const [sample] = generations
  return {
    original: { perplexity: basePerplexity!.value, continuation: sample?.base ?? '' },
    compressed: {
      perplexity: perplexity.value,
      ...(divergence && { kl: divergence.kl.value, topAgreement: divergence.topAgreement.value }),
      continuation: sample?.model ?? '',
    },
  }
}
