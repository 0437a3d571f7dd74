import { evaluate } from '@sinter/eval'
import { isRight, type Question, type QuestionKind, worldDocuments, worldQuestions } from '@sinter/eval/world'
import { createGenerator, type Generator, type Model, type Tokenizer } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { BOS } from './demo-config.ts'
import { documentTokens } from './training-rows.ts'

export interface Score {
  /** Nats a token of held-out documents, in windows of 256 tokens. */
  readonly loss: number
  readonly standardError: number
  readonly predictions: number
  /** Right answers by kind. */
  readonly right: Readonly<Record<QuestionKind, number>>
  readonly questions: number
}

/** As the model is trained: predictions further into a window would ask for more than it has seen. */
const WINDOW = 256

/** More than the longest answer with its steps worked out. */
const ANSWER_TOKENS = 80

/** Held-out loss and right answers, all on the half of the world that is not trained on. */
export async function scoreModel(
  model: Model,
  backend: Backend,
  { documents = 4000, questions = 40 }: { readonly documents?: number; readonly questions?: number } = {},
): Promise<Score> {
  const tokenizer = tokenizerOf(model)
  const ids = worldDocuments({ seed: 'held out', documents, half: 'evaluation' }).flatMap(({ text }) =>
    documentTokens(tokenizer, text),
  )
  const { perplexity, predictions } = await evaluate({ model, backend, ids, length: WINDOW })
  const generator = await createGenerator(model, backend)
  const rightOf = async (kind: QuestionKind): Promise<number> => {
    let right = 0
    for (const question of worldQuestions({ seed: 'exam', count: questions, kind, half: 'evaluation' }))
      if (await answers(generator, tokenizer, question)) right++
    return right
  }
  try {
    const right = { review: await rightOf('review'), where: await rightOf('where'), sums: await rightOf('sums') }
    return { loss: perplexity.meanNll, standardError: perplexity.nllStandardError, predictions, right, questions }
  } finally {
    await generator.close()
  }
}

const answers = async (generator: Generator, tokenizer: Tokenizer, question: Question): Promise<boolean> =>
  isRight(question, await continuation(generator, tokenizer, question.prompt, ANSWER_TOKENS))

/** What a model writes after a prompt, each time the likeliest token. */
export async function continuation(
  generator: Generator,
  tokenizer: Tokenizer,
  prompt: string,
  tokens: number,
): Promise<string> {
  const ids = [BOS, ...tokenizer.encode(prompt, { addSpecialTokens: false })]
  const written: number[] = []
  for await (const id of generator.generate(ids, { tokens, temperature: 0 })) written.push(id)
  return tokenizer.decode(written)
}

/** @throws Error when the model has no tokenizer */
export function tokenizerOf(model: Model): Tokenizer {
  if (!model.tokenizer) throw new Error(`${model.path}: expected tokenizer.json beside the weights, found none`)
  return model.tokenizer
}
