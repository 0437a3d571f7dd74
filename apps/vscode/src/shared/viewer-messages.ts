import type {
  Comparison,
  ModelHeader,
  StatsOptions,
  TensorDifference,
  TensorRow,
  TensorValues,
  ValueSummary,
} from './model-reader.ts'

/** Both sides are built together; the number tells a page that was kept from before an update. */
export const VIEWER_PROTOCOL = 1

/** What a view may ask, and what it is answered. */
export interface ViewerCalls {
  tensors: { readonly ask: { readonly start: number; readonly count: number }; readonly answer: readonly TensorRow[] }
  stats: { readonly ask: { readonly tensor: string; readonly options?: StatsOptions }; readonly answer: TensorValues }
  rowGroups: {
    readonly ask: { readonly tensor: string; readonly row: number; readonly groupSize: number }
    readonly answer: readonly ValueSummary[]
  }
  difference: { readonly ask: { readonly tensor: string }; readonly answer: TensorDifference }
}

export type ViewerCall = keyof ViewerCalls

export type ViewerRequest = {
  [K in ViewerCall]: { readonly type: 'ask'; readonly id: number; readonly call: K } & ViewerCalls[K]['ask']
}[ViewerCall]

/** From the page to the host. */
export type FromView =
  | { readonly type: 'ready'; readonly protocol: number }
  | ViewerRequest
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'chose'; readonly tensor: string }

/** Names of the two files that are compared; paths stay with the host. */
export interface ComparedNames {
  readonly before: string
  readonly after: string
}

/** From the host to the page. */
export type ToView =
  | { readonly type: 'model'; readonly header: ModelHeader; readonly strings?: Readonly<Record<string, string>> }
  | {
      readonly type: 'comparison'
      readonly names: ComparedNames
      readonly comparison: Comparison
      readonly strings?: Readonly<Record<string, string>>
    }
  | { readonly type: 'refused'; readonly message: string; readonly strings?: Readonly<Record<string, string>> }
  /** The reader chose this tensor on the other side of a diff. */
  | { readonly type: 'choose'; readonly tensor: string }
  | { readonly type: 'answer'; readonly id: number; readonly value: ViewerCalls[ViewerCall]['answer'] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  | { readonly type: 'progress'; readonly id: number; readonly done: number; readonly total: number }

/** Names of tensors in files have a kilobyte at most; nothing that a page sends is longer. */
const MAX_NAME = 2 ** 16

/** What a page sent, if it is a message. A page shows what files say, so that the host takes nothing from it on trust. */
export function readFromView(value: unknown): FromView | undefined {
  if (!isRecord(value)) return undefined
  if (value.type === 'ready') return isCount(value.protocol) ? { type: 'ready', protocol: value.protocol } : undefined
  if (value.type === 'chose') return isName(value.tensor) ? { type: 'chose', tensor: value.tensor } : undefined
  if (!isCount(value.id)) return undefined
  if (value.type === 'cancel') return { type: 'cancel', id: value.id }
  return value.type === 'ask' ? readRequest(value, value.id) : undefined
}

function readRequest(value: Readonly<Record<string, unknown>>, id: number): ViewerRequest | undefined {
  const { call, start, count, tensor, row, groupSize } = value
  if (call === 'tensors') return isCount(start) && isCount(count) ? { type: 'ask', id, call, start, count } : undefined
  if (!isName(tensor)) return undefined
  if (call === 'difference') return { type: 'ask', id, call, tensor }
  if (call === 'rowGroups')
    return isCount(row) && isCount(groupSize) && groupSize > 0
      ? { type: 'ask', id, call, tensor, row, groupSize }
      : undefined
  if (call !== 'stats') return undefined
  const options = readOptions(value.options)
  return options && { type: 'ask', id, call, tensor, options }
}

/** More cells than a screen has would only cost memory. */
const ceilings = { groupSize: 2 ** 24, bins: 1024, parts: 4096, mapRows: 1024, mapColumns: 1024 } as const

function readOptions(value: unknown): StatsOptions | undefined {
  if (value === undefined) return {}
  if (!isRecord(value)) return undefined
  const options: Record<string, number> = {}
  for (const [name, ceiling] of Object.entries(ceilings)) {
    const option = value[name]
    if (option === undefined) continue
    if (!isCount(option) || option < 1 || option > ceiling) return undefined
    options[name] = option
  }
  return options
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_NAME
