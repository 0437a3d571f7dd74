import { z } from 'zod'

/** What a training run did, as plain JSON; the HTML page shows the same. */
export interface TrainReport {
  /** Of this format. */
  readonly version: 1
  readonly tool: { readonly name: string; readonly version: string }
  /** ISO 8601. */
  readonly date: string
  readonly model: { readonly name: string; readonly family: string; readonly params: number }
  /** Where the result is. */
  readonly output: string
  /** As the user wrote it, defaults filled in. */
  readonly recipe: unknown
  readonly machine: Readonly<Record<string, string | number>>
  readonly trained: readonly { readonly name: string; readonly tensors: number; readonly values: number }[]
  readonly data: { readonly documents: number; readonly rows: number; readonly heldOutRows: number }
  /** Steps that were taken, the tokens that they read, and their seconds. */
  readonly steps: number
  readonly tokens: number
  readonly seconds: number
  readonly curve: TrainCurve
  /** Held-out terms; those of step 0 are from before the first. */
  readonly evaluations: readonly { readonly step: number; readonly terms: Readonly<Record<string, number>> }[]
  readonly generations: readonly {
    readonly prompt: string
    readonly base?: string | undefined
    readonly model?: string | undefined
  }[]
}

/** Columns of one length: a point is a step, or the mean of some when there are very many. */
export interface TrainCurve {
  /** The last step of the point. */
  readonly step: readonly number[]
  readonly terms: Readonly<Record<string, readonly number[]>>
  readonly gradientNorm: readonly number[]
  readonly learningRate: readonly number[]
  readonly tokensPerSecond: readonly number[]
}

const text = z.string()
const number = z.number()
const numbers = z.array(number)
const terms = z.record(text, number)

const curve = z
  .object({
    step: numbers,
    terms: z.record(text, numbers),
    gradientNorm: numbers,
    learningRate: numbers,
    tokensPerSecond: numbers,
  })
  .refine(
    ({ step, terms: lists, ...others }) =>
      [...Object.values(lists), ...Object.values(others)].every(list => list.length === step.length),
    'expected columns of one length',
  )

/** Checks a report that was read from a file. Unknown keys are left out. */
export const trainReportSchema: z.ZodType<TrainReport> = z.object({
  version: z.literal(1),
  tool: z.object({ name: text, version: text }),
  date: text,
  model: z.object({ name: text, family: text, params: number }),
  output: text,
  recipe: z.unknown(),
  machine: z.record(text, z.union([text, number])),
  trained: z.array(z.object({ name: text, tensors: number, values: number })),
  data: z.object({ documents: number, rows: number, heldOutRows: number }),
  steps: number,
  tokens: number,
  seconds: number,
  curve,
  evaluations: z.array(z.object({ step: number, terms })),
  generations: z.array(z.object({ prompt: text, base: text.optional(), model: text.optional() })),
})
