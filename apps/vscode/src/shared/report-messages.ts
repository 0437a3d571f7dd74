import { array, type Guard, number, object, optional, text } from './guard.ts'
import { message, name, path } from './model-messages.ts'

export interface ReportParams {
  /** Of a `report.json`. */
  readonly path: string
}

export const reportParams: Guard<ReportParams> = object({ path })

/** Rows of a table: what is longer is cut, and said to be. */
const MAX_ROWS = 2 ** 16

/** What a run's report says, as the page shows it. Every part may be missing. */
export interface ReportFacts {
  readonly title: string
  /** Name and value of what it was made of and by. */
  readonly facts: readonly Pair[]
  readonly size?: { readonly before?: readonly Bytes[] | undefined; readonly after: readonly Bytes[] } | undefined
  readonly quality?: ReportQualityFacts | undefined
  readonly layers: readonly LayerFacts[]
  readonly plan: readonly PlanFact[]
  readonly notes: readonly NoteFact[]
  readonly generations: readonly GenerationFacts[]
  /** Seconds by stage. */
  readonly timings: readonly Seconds[]
  readonly machine: readonly Pair[]
  /** JSON, for people; empty when there is none. */
  readonly recipe: string
}

export interface Pair {
  readonly name: string
  readonly value: string
}

/** Bytes spent on one thing: `values`, `scales` … */
export interface Bytes {
  readonly name: string
  readonly bytes: number
}

export interface Seconds {
  readonly name: string
  readonly seconds: number
}

/** A number and its standard error. */
export interface Estimate {
  readonly value: number
  readonly se?: number | undefined
}

export interface ReportQualityFacts {
  readonly protocol?: string | undefined
  readonly basePerplexity?: Estimate | undefined
  readonly perplexity?: Estimate | undefined
  /** Nats a token. */
  readonly kl?: Estimate | undefined
  /** Percentiles of the divergence over tokens, by name. */
  readonly spread: readonly { readonly name: string; readonly value: number }[]
  /** Share of positions with the same most likely token, 0 … 1. */
  readonly agreement?: Estimate | undefined
}

export interface LayerFacts {
  readonly name: string
  readonly method: string
  readonly bits?: number | undefined
  /** Share of the layer's output on the calibration text that the change moves. */
  readonly error?: number | undefined
  /** Share of zeros, 0 … 1. */
  readonly zeros?: number | undefined
  readonly notes: string
}

export interface PlanFact {
  readonly tensor: string
  readonly action: string
  readonly scheme: string
  readonly reason: string
}

export interface NoteFact {
  readonly layer: string
  readonly message: string
}

export interface GenerationFacts {
  readonly prompt: string
  readonly base: string
  readonly model: string
}

const pairs = array<Pair>(object({ name, value: message }), MAX_ROWS)
const bytes = array<Bytes>(object({ name, bytes: number }), 100)
const estimate = optional(object<Estimate>({ value: number, se: optional(number) }))

export const reportFacts: Guard<ReportFacts> = object({
  title: message,
  facts: pairs,
  size: optional(object<NonNullable<ReportFacts['size']>>({ before: optional(bytes), after: bytes })),
  quality: optional(
    object<ReportQualityFacts>({
      protocol: optional(message),
      basePerplexity: estimate,
      perplexity: estimate,
      kl: estimate,
      spread: array(object({ name, value: number }), 100),
      agreement: estimate,
    }),
  ),
  layers: array(
    object<LayerFacts>({
      name,
      method: name,
      bits: optional(number),
      error: optional(number),
      zeros: optional(number),
      notes: message,
    }),
    MAX_ROWS,
  ),
  plan: array(object<PlanFact>({ tensor: name, action: name, scheme: message, reason: message }), MAX_ROWS),
  notes: array(object<NoteFact>({ layer: name, message }), MAX_ROWS),
  generations: array(object<GenerationFacts>({ prompt: message, base: message, model: message }), 1000),
  timings: array(object<Seconds>({ name, seconds: number }), 1000),
  machine: pairs,
  recipe: text(2 ** 20),
})

/** A run as the trade-off chart has it. */
export interface RunPoint {
  readonly id: string
  readonly name: string
  readonly methods: string
  readonly outputBytes: number
  readonly bitsPerWeight: number
  /** Nats a token; null when it was not measured. */
  readonly kl: number | null
  readonly perplexity: number | null
  /** The run whose report this is. */
  readonly here: boolean
}

/** Both sides are built together; the number tells a page that was kept from before an update. */
export const REPORT_PROTOCOL = 1

/** From the page to the host. */
export type FromReport =
  | { readonly type: 'ready'; readonly protocol: number }
  /** Shows the report of another run of the chart. */
  | { readonly type: 'open'; readonly run: string }

/** From the host to the page. */
export type ToReport =
  | {
      readonly type: 'report'
      readonly report: ReportFacts
      /** Of the same model. */
      readonly points: readonly RunPoint[]
      readonly strings?: Readonly<Record<string, string>> | undefined
    }
  | { readonly type: 'points'; readonly points: readonly RunPoint[] }
  | { readonly type: 'refused'; readonly message: string }

/** What a page sent, if it is a message. */
export function readFromReport(value: unknown): FromReport | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, protocol, run } = value as Readonly<Record<string, unknown>>
  if (type === 'ready' && Number.isSafeInteger(protocol)) return { type, protocol: protocol as number }
  return type === 'open' && typeof run === 'string' && run.length <= 200 ? { type, run } : undefined
}
