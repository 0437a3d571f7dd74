import { type Model, SinterError, type TopTokens, type TrainTokens } from '@sinter/model'
import type { Tensor } from '@sinter/tensor-core'
import { NO_TOKEN } from './top-losses.ts'

/** Rows of tokens that a teacher is asked about. */
export type Question = Pick<TrainTokens, 'ids' | 'documents'>

/** Who is learnt from. What it can give is what is there: `model` for logits and hidden states, `top` for its best tokens. */
export interface Teacher {
  /** In messages. */
  readonly name: string
  /** Runs beside the student: goes into the learner as its `teacher`. */
  readonly model?: Model
  /** The largest k that `top` can be asked for. */
  readonly mostTop?: number
  /**
   * The k most probable next tokens after every position of rows `[batch, length]`. `NO_TOKEN` where nothing is known: after the
   * last token of a row or document, where no target is, and where a teacher gave fewer than k.
   * @throws SinterError `teacher` when it cannot be answered
   */
  top?(question: Question, options: TopOptions): Promise<TopTokens>
  /** Equal for teachers that give the same answers. */
  fingerprint(): Promise<string>
  close(): Promise<void>
}

export interface TopOptions {
  readonly k: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The batches of a step with what the teacher thinks of them.
 * @throws SinterError `teacher` when it gives no such thing, or nothing where something is to be learnt
 */
export async function withTop(
  teacher: Teacher,
  batches: readonly TrainTokens[],
  options: TopOptions,
): Promise<TrainTokens[]> {
  const answered: TrainTokens[] = []
  for (const batch of batches) {
    const top = await askTop(teacher, batch, options)
    checkAnswered(teacher, batch, top)
    answered.push({ ...batch, top })
  }
  return answered
}

function checkAnswered({ name }: Teacher, { weights }: TrainTokens, { logProbs }: TopTokens): void {
  const k = logProbs.shape[2]!
  const silent = weights.data.findIndex((weight, i) => weight > 0 && logProbs.data[i * k] === NO_TOKEN)
  if (silent === -1) return
  const length = weights.shape[1]!
  throw new SinterError(
    'teacher',
    `${name} says nothing about what follows token ${silent % length} of row ${Math.floor(silent / length)}, which is to be learnt; does it have the student's tokenizer?`,
  )
}

export async function askTop(teacher: Teacher, question: Question, options: TopOptions): Promise<TopTokens> {
  const { name, top, mostTop = Number.POSITIVE_INFINITY } = teacher
  if (!top) throw new SinterError('teacher', `${name} gives no most probable tokens; it gives ${gives(teacher)}`)
  if (options.k > mostTop)
    throw new SinterError('teacher', `${name} gives at most ${mostTop} tokens a position; ${options.k} were asked for`)
  return top.call(teacher, question, options)
}

/** The model of a teacher, for losses on logits and hidden states. @throws SinterError `teacher` when it has none */
export function modelOfTeacher(teacher: Teacher): Model {
  if (teacher.model) return teacher.model
  throw new SinterError(
    'teacher',
    `${teacher.name} gives no logits and no hidden states, only ${gives(teacher)}: use a loss on the most probable tokens, or a model as the teacher`,
  )
}

const gives = ({ model, top }: Teacher): string =>
  [...(model ? ['logits', 'hidden states'] : []), ...(top ? ['its most probable tokens'] : [])].join(', ') || 'nothing'

/** Memory for the answer to a question: `NO_TOKEN` everywhere. */
export function emptyTop({ ids }: Question, k: number): TopTokens {
  const shape = [...ids.shape, k]
  const size = shape.reduce((n, dim) => n * dim, 1)
  return {
    ids: { dtype: 'i32', shape, data: new Int32Array(size) },
    logProbs: { dtype: 'f32', shape, data: new Float32Array(size).fill(NO_TOKEN) },
  }
}

/** Rows of a question as plain numbers, and where documents start in each. */
export function rowsOf({ ids, documents }: Question): readonly TokenRow[] {
  const [batch, length] = ids.shape as readonly [number, number]
  const values = wholes(ids)
  const marks = documents && wholes(documents)
  return Array.from({ length: batch }, (_, row) => {
    const from = row * length
    const starts = marks ? range(length).filter(i => i === 0 || marks[from + i] !== marks[from + i - 1]) : [0]
    return { ids: values.subarray(from, from + length), starts }
  })
}

export interface TokenRow {
  readonly ids: Int32Array
  /** Positions at which a document starts; 0 is the first. */
  readonly starts: readonly number[]
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

const wholes = ({ data }: Tensor): Int32Array =>
  data instanceof Int32Array ? data : Int32Array.from(data as ArrayLike<number | bigint>, Number)
