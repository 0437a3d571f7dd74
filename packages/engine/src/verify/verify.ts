import { access } from 'node:fs/promises'
import { compareLogits, type LogitDifference } from '@sinter/eval'
import { FormatError, type Model, openModel, SinterError } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import type { Answer, Client } from './client.ts'
import { clientFor } from './clients.ts'
import { askOurselves, questionFor } from './ours.ts'

export interface VerifyOptions {
  readonly backend: Backend
  /** The model that the result was made from: adds how far the client's predictions are from its. */
  readonly original?: string | undefined
  /** What is tokenized and predicted; default: some sentences. */
  readonly text?: string | undefined
  /** Tokens whose predictions are compared. */
  readonly tokens?: number
  /** Tokens that both continue a text by. */
  readonly greedy?: number
  /** The largest difference of a logit that is taken for agreement, in standard deviations; default: by kind of file. */
  readonly tolerance?: number | undefined
  /** The Python that has transformers. */
  readonly python?: string | undefined
}

/** What a result's real reader makes of it, beside what we make of it. */
export interface Verification {
  readonly path: string
  /** Who was asked. */
  readonly client: string
  /** What our numbers were computed from. */
  readonly ours: string
  readonly tokens: number
  readonly difference: LogitDifference
  readonly tolerance: number
  /** Why there may be a difference though nothing is wrong. */
  readonly causes: readonly string[]
  /** Absent where one of the two has no tokenizer. */
  readonly sameTokens?: boolean
  /** Continuations of the same text, and how many of their first tokens are the same. */
  readonly greedy: { readonly ours: string; readonly client: string; readonly same: number; readonly tokens: number }
  /** KL(original ‖ what the client computes), nats, and how often both find the same token most likely. */
  readonly original?: Pick<LogitDifference, 'kl' | 'topAgreement'>
  readonly agrees: boolean
}

/**
 * Opens a result in the client that it is for, and compares.
 * @throws SinterError `client-missing` when the client is not installed, `client-refused` when it does not open the file,
 *   `option` when there is no client for it; FormatError when Sinter cannot read it and no original is given
 */
export async function verify(path: string, options: VerifyOptions): Promise<Verification> {
  const client = await clientFor(path)
  const model = await openReference(path, options.original)
  try {
    return await compareWith(client, model, path, options)
  } finally {
    await model.close()
  }
}

/** What our side is computed from. An ONNX file that others wrote is nothing that we read; the model it was made from is. */
async function openReference(path: string, original: string | undefined): Promise<Model> {
  try {
    return await openModel(path)
  } catch (error) {
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (!there || !(error instanceof FormatError)) throw error
    if (original !== undefined) return openModel(original)
    throw new FormatError(error.code, `${error.message}; or give the model that it was made from with --original`, {
      cause: error,
    })
  }
}

async function compareWith(client: Client, model: Model, path: string, options: VerifyOptions): Promise<Verification> {
  const { backend, text, tokens = 64, greedy = 16, python, original } = options
  const question = questionFor(model, path, { text, tokens, greedy, python })
  const expected = await client.expects(model, path)
  const theirs = await client.ask(question)
  checkSize(client, theirs, question.ids.length * question.vocabulary)
  const ours = await askOurselves(model, backend, question)
  const difference = compareLogits(ours.logits, theirs.logits, question.vocabulary)
  const tolerance = options.tolerance ?? expected.tolerance
  const sameTokens = sameList(ours.tokenized, theirs.tokenized)
  return {
    path,
    client: client.name,
    ours: model.path,
    tokens: question.ids.length,
    difference,
    tolerance,
    causes: expected.causes,
    ...(sameTokens !== undefined && { sameTokens }),
    greedy: compareTexts(model, ours, theirs),
    ...(original !== undefined &&
      original !== model.path && { original: await fromOriginal(original, theirs, question, backend) }),
    agrees: difference.largest <= tolerance * difference.spread && sameTokens !== false,
  }
}

/** Clients may pad a vocabulary, but then the file is not what was meant. */
function checkSize({ name }: Client, { logits }: Answer, wanted: number): void {
  if (logits.length === wanted) return
  throw new SinterError(
    'client-refused',
    `${name} gives ${logits.length} logits; expected ${wanted}: its vocabulary is another`,
  )
}

function sameList(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean | undefined {
  return a && b && a.length === b.length && a.every((value, i) => value === b[i])
}

function compareTexts(model: Model, ours: Answer, theirs: Answer): Verification['greedy'] {
  const differ = ours.greedy.findIndex((id, i) => id !== theirs.greedy[i])
  const show = (ids: readonly number[]) => model.tokenizer?.decode(ids) ?? ids.join(' ')
  return {
    ours: show(ours.greedy),
    client: show(theirs.greedy),
    same: differ < 0 ? ours.greedy.length : differ,
    tokens: ours.greedy.length,
  }
}

async function fromOriginal(
  path: string,
  theirs: Answer,
  question: ReturnType<typeof questionFor>,
  backend: Backend,
): Promise<Pick<LogitDifference, 'kl' | 'topAgreement'>> {
  const model = await openModel(path)
  try {
    const { logits } = await askOurselves(model, backend, { ...question, greedy: 0, text: undefined })
    const { kl, topAgreement } = compareLogits(logits, theirs.logits, question.vocabulary)
    return { kl, topAgreement }
  } finally {
    await model.close()
  }
}
