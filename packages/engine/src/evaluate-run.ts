import { readFile } from 'node:fs/promises'
import { type Evaluation, type EvaluationProgress, evaluate } from '@sinter/eval'
import { type Model, openModel, SinterError, type Tokenizer } from '@sinter/model'
import { type ContinueOptions, continueBoth } from './continue-both.ts'
import type { EvaluationRecipe } from './recipe/recipe.ts'
import type { ReportGeneration } from './report/report.ts'

export interface EvaluateRunOptions extends ContinueOptions {
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined
}

/** How a result compares with the model that it was made from. */
export interface RunEvaluation {
  readonly evaluation: Evaluation
  /** The same prompts continued by both, greedily. */
  readonly generations: readonly ReportGeneration[]
  /** The text that was scored, for the report. */
  readonly text: string
}

/** Tokens of the text that serve as a prompt when the recipe names none: a sentence or two. */
const PROMPT_TOKENS = 24

/**
 * Perplexity before and after, divergence, and samples of both models.
 * @param original the model before the run
 * @param path of the result
 * @throws SinterError `tokenizer`, or `evaluation` for a text that is missing, empty or shorter than a window
 */
export async function evaluateRun(
  original: Model,
  path: string,
  recipe: EvaluationRecipe,
  options: EvaluateRunOptions,
): Promise<RunEvaluation> {
  const { tokenizer } = original
  if (!tokenizer)
    throw new SinterError(
      'tokenizer',
      `${original.path} has no tokenizer, and text cannot be scored without one: put its tokenizer.json beside it`,
    )
  const text = await readEvaluationText(recipe.text)
  const result = await openModel(path)
  try {
    const prompts = recipe.prompts ?? [firstTokens(tokenizer, text)]
    const { windows, length } = recipe
    const { backend, signal, onProgress } = options
    const evaluation = await evaluate({
      model: result,
      base: original,
      text,
      windows,
      length,
      backend,
      signal,
      onProgress,
    }).catch(asEvaluationError)
    const generations = await continueBoth({ original, result, tokenizer, prompts }, options)
    return { evaluation, generations, text: recipe.text! }
  } finally {
    await result.close()
  }
}

async function readEvaluationText(path: string | undefined): Promise<string> {
  if (path === undefined)
    throw new SinterError('evaluation', 'the recipe names no text to score; set evaluate.text to a file')
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SinterError('evaluation', `${path}: cannot be read (${cause.code}); give a text to score`, { cause })
  })
  if (text.trim() === '') throw new SinterError('evaluation', `${path} is empty; give a text to score`)
  return text
}

/** Texts that are too short and models that do not go together are told by their numbers; they are the caller's to mend. */
function asEvaluationError(cause: unknown): never {
  if (cause instanceof RangeError) throw new SinterError('evaluation', cause.message, { cause })
  throw cause
}

function firstTokens(tokenizer: Tokenizer, text: string): string {
  const start = tokenizer.encode(text.slice(0, 40 * PROMPT_TOKENS), { addSpecialTokens: false })
  return tokenizer.decode([...start].slice(0, PROMPT_TOKENS))
}
