import { z } from 'zod'

/** What a run did, as plain JSON (`report.json`); the HTML page shows the same. Every part may be missing. */
export interface Report {
  /** Of this format. */
  readonly version?: number | undefined
  readonly tool?: { readonly name: string; readonly version: string } | undefined
  /** ISO 8601. */
  readonly date?: string | undefined
  readonly model?:
    | { readonly name: string; readonly family?: string | undefined; readonly params?: number | undefined }
    | undefined
  /** Where the result is. */
  readonly output?: string | undefined
  /** As the user wrote it, defaults filled in. */
  readonly recipe?: unknown
  /** Facts such as processor, threads, memory, versions. */
  readonly machine?: Readonly<Record<string, string | number>> | undefined
  /** Seconds by stage. */
  readonly timings?: Readonly<Record<string, number>> | undefined
  readonly plan?: readonly ReportPlanRow[] | undefined
  readonly layers?: readonly ReportLayer[] | undefined
  readonly size?: { readonly before?: ReportBytes | undefined; readonly after: ReportBytes } | undefined
  readonly quality?: ReportQuality | undefined
  readonly generations?: readonly ReportGeneration[] | undefined
  /** Rescues and other numeric events. */
  readonly notes?: readonly ReportNote[] | undefined
}

export interface ReportPlanRow {
  readonly tensor: string
  readonly action: string
  readonly scheme?: string | undefined
  readonly reason?: string | undefined
}

export interface ReportLayer {
  readonly name: string
  readonly block?: number | null | undefined
  /** Which matrix of the block: `self_attn.q_proj`. Without it the end of the name counts. */
  readonly kind?: string | undefined
  readonly method?: string | undefined
  /** Stored bits a weight, scales and indices included. */
  readonly bits?: number | null | undefined
  /** tr(ΔW G ΔWᵀ) / tr(W G Wᵀ) */
  readonly error?: number | null | undefined
  /** Share of zeros, 0 … 1. */
  readonly sparsity?: number | undefined
  readonly seconds?: number | undefined
  readonly notes?: readonly string[] | undefined
}

/** Bytes by what they are spent on. */
export interface ReportBytes {
  readonly values?: number | undefined
  readonly scales?: number | undefined
  readonly zeroPoints?: number | undefined
  readonly indices?: number | undefined
  readonly untouched?: number | undefined
  readonly tokenizer?: number | undefined
}

export interface ReportQuality {
  /** Which text, windows and protocol: what the numbers may be compared with. */
  readonly protocol?: string | undefined
  /** Perplexity and its standard error. */
  readonly base?: { readonly ppl: number; readonly se?: number | undefined } | undefined
  readonly model?: { readonly ppl: number; readonly se?: number | undefined } | undefined
  /** KL(base ‖ model), nats a token. */
  readonly kl?: ReportKl | undefined
  /** Share of positions with the same most likely token, 0 … 1. */
  readonly topAgreement?: { readonly value: number; readonly se?: number | undefined } | undefined
}

export interface ReportKl {
  readonly mean: number
  readonly se?: number | undefined
  readonly median?: number | undefined
  readonly p90?: number | undefined
  readonly p99?: number | undefined
  readonly p999?: number | undefined
  readonly max?: number | undefined
}

export interface ReportGeneration {
  readonly prompt: string
  readonly base?: string | undefined
  readonly model?: string | undefined
}

export interface ReportNote {
  readonly layer?: string | undefined
  readonly code: string
  readonly message: string
}

const number = z.number()
const text = z.string()
const bytes = z.number().nonnegative().optional()
const perplexity = z.object({ ppl: number, se: number.optional() })
const kl = { se: number, median: number, p90: number, p99: number, p999: number, max: number }

/** Checks a report that was read from a file. Unknown keys are left out. */
export const reportSchema: z.ZodType<Report> = z.object({
  version: number.optional(),
  tool: z.object({ name: text, version: text }).optional(),
  date: text.optional(),
  model: z.object({ name: text, family: text.optional(), params: number.optional() }).optional(),
  output: text.optional(),
  recipe: z.unknown().optional(),
  machine: z.record(text, z.union([text, number])).optional(),
  timings: z.record(text, number).optional(),
  plan: z.array(z.object({ tensor: text, action: text, scheme: text.optional(), reason: text.optional() })).optional(),
  layers: z
    .array(
      z.object({
        name: text,
        block: number.nullish(),
        kind: text.optional(),
        method: text.optional(),
        bits: number.nullish(),
        error: number.nullish(),
        sparsity: number.optional(),
        seconds: number.optional(),
        notes: z.array(text).optional(),
      }),
    )
    .optional(),
  size: z.object({ before: bytesOf().optional(), after: bytesOf() }).optional(),
  quality: z
    .object({
      protocol: text.optional(),
      base: perplexity.optional(),
      model: perplexity.optional(),
      kl: z.object({ mean: number, ...z.object(kl).partial().shape }).optional(),
      topAgreement: z.object({ value: number, se: number.optional() }).optional(),
    })
    .optional(),
  generations: z.array(z.object({ prompt: text, base: text.optional(), model: text.optional() })).optional(),
  notes: z.array(z.object({ layer: text.optional(), code: text, message: text })).optional(),
})

function bytesOf() {
  const names = ['values', 'scales', 'zeroPoints', 'indices', 'untouched', 'tokenizer'] as const
  return z.object(Object.fromEntries(names.map(name => [name, bytes])) as Record<(typeof names)[number], typeof bytes>)
}
