import { createRng, type Rng } from '@sinter/tensor-core'
import { facts } from './facts.ts'
import { type Question, type QuestionKind, reviewQuestion, sumQuestion, whereQuestion } from './questions.ts'
import { story } from './story.ts'

export type { Question, QuestionKind } from './questions.ts'

/** The kinds of document, each with its share of all. The demo model was trained on these shares. */
export const SHARES: Readonly<Record<DocumentKind, number>> = {
  story: 0.5,
  where: 0.18,
  sums: 0.18,
  review: 0.06,
  facts: 0.08,
}

export type DocumentKind = 'story' | 'facts' | QuestionKind

export interface WorldDocument {
  readonly kind: DocumentKind
  readonly text: string
}

export interface DrawOptions {
  readonly seed: string | number
  /**
   * Takes only documents of one half of the world. The halves have no document in common whatever the seeds, so
   * numbers measured on the one say something about text that was not used for training or calibration.
   */
  readonly half?: Half
  /** Each kind's share of the documents, which add up to 1; `SHARES` without it. */
  readonly shares?: Readonly<Record<DocumentKind, number>>
}

export interface WorldOptions extends DrawOptions {
  /** Number of documents; or else at least this many characters. */
  readonly documents?: number
  readonly characters?: number
}

export type Half = 'calibration' | 'evaluation'

const QUESTIONS: Readonly<Record<QuestionKind, (rng: Rng) => Question>> = {
  where: whereQuestion,
  sums: sumQuestion,
  review: reviewQuestion,
}

/** Documents of the small world without end: the same seed gives the same ones on every machine. */
export function* drawDocuments({ seed, half, shares = SHARES }: DrawOptions): Generator<WorldDocument, never> {
  const rng = createRng(seed)
  for (;;) {
    const document = drawDocument(rng, shares)
    if (half === undefined || halfOf(document.text) === half) yield document
  }
}

/** The first documents of `drawDocuments`. @throws TypeError unless one size is given */
export function worldDocuments({ documents, characters, ...options }: WorldOptions): WorldDocument[] {
  if ((documents === undefined) === (characters === undefined)) {
    throw new TypeError('Give the size of the world as one of `documents` and `characters`.')
  }
  const endless = drawDocuments(options)
  const drawn: WorldDocument[] = []
  let length = 0
  while (documents === undefined ? length < (characters as number) : drawn.length < documents) {
    const { value } = endless.next()
    drawn.push(value)
    length += value.text.length + 1
  }
  return drawn
}

/** The documents as the demo model saw them in training: each between `<|bos|>` and `<|end|>`. */
export const worldText = (options: WorldOptions): string =>
  worldDocuments(options)
    .map(({ text }) => `<|bos|>${text}<|end|>`)
    .join('')

export interface QuestionOptions {
  readonly seed: string | number
  readonly count: number
  readonly kind: QuestionKind
  readonly half?: Half
}

/** Questions of one kind with the key to their answers. */
export function worldQuestions({ seed, count, kind, half }: QuestionOptions): Question[] {
  const rng = createRng(`${seed}/${kind}`)
  const questions: Question[] = []
  while (questions.length < count) {
    const question = QUESTIONS[kind](rng)
    if (half === undefined || halfOf(documentOf(question)) === half) questions.push(question)
  }
  return questions
}

const documentOf = ({ prompt, completion }: Question): string => prompt + completion

/** Whether a completion is right: its first line must end with the answer, a full stop aside. */
export function isRight({ answer }: Question, completion: string): boolean {
  const line = (completion.trim().split('\n')[0] as string).replace(/\.$/, '')
  return line === answer || line.endsWith(` ${answer}`)
}

function drawDocument(rng: Rng, shares: DrawOptions['shares'] & {}): WorldDocument {
  const kind = drawKind(rng, shares)
  if (kind === 'story') return { kind, text: story(rng) }
  if (kind === 'facts') return { kind, text: facts(rng) }
  return { kind, text: documentOf(QUESTIONS[kind](rng)) }
}

function drawKind(rng: Rng, shares: DrawOptions['shares'] & {}): DocumentKind {
  const drawn = rng.uniform()
  let below = 0
  for (const [kind, share] of Object.entries(shares) as [DocumentKind, number][]) {
    below += share
    if (drawn < below) return kind
  }
  return 'facts'
}

/** A document belongs to the half that its text decides. */
const halfOf = (text: string): Half => (createRng(text).uint32() % 2 === 0 ? 'calibration' : 'evaluation')
