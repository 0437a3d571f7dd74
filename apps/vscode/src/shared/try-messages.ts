import { GuardError, number, object, oneOf, text, whole } from './guard.ts'

/** Both sides are built together; the number tells a page that was kept from before an update. */
export const TRY_PROTOCOL = 1

/** A page of text; a longer one is better continued from a file. */
const MAX_PROMPT = 2 ** 16
const MAX_TOKENS = 4096
const MAX_TEMPERATURE = 5

export interface TryOptions {
  readonly prompt: string
  /** At most this many new ones. */
  readonly tokens: number
  /** 0: always the likeliest token. */
  readonly temperature: number
}

/** From the page to the host. */
export type FromTry =
  | { readonly type: 'ready'; readonly protocol: number }
  | ({ readonly type: 'continue' } & TryOptions)
  | { readonly type: 'stop' }

/** What one of the two models has made of the prompt. */
export interface TrySide {
  readonly state: 'idle' | 'waiting' | 'writing' | 'done' | 'stopped' | 'failed'
  readonly text: string
  /** Known at the end. */
  readonly tokens?: number
  /** Without the first, which waits for the weights. Null for fewer than two. */
  readonly tokensPerSecond?: number | null
  /** Why it failed. */
  readonly message?: string
}

export type Which = 'original' | 'compressed'

/** From the host to the page. */
export type ToTry =
  | {
      readonly type: 'begin'
      readonly names: Readonly<Record<Which, string>>
      readonly sides: Readonly<Record<Which, TrySide>>
      readonly running: boolean
      readonly strings?: Readonly<Record<string, string>> | undefined
    }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'side'; readonly which: Which; readonly side: TrySide }
  | { readonly type: 'piece'; readonly which: Which; readonly text: string }
  | { readonly type: 'running'; readonly running: boolean }

const guards = {
  ready: object({ type: oneOf('ready'), protocol: number }),
  continue: object({
    type: oneOf('continue'),
    prompt: text(MAX_PROMPT),
    tokens: whole(1, MAX_TOKENS),
    temperature: number,
  }),
  stop: object({ type: oneOf('stop') }),
}

/** What a page sent, if it is a message: the host takes nothing from it on trust. */
export function readFromTry(value: unknown): FromTry | undefined {
  const type = (value as { type?: unknown } | null)?.type
  if (typeof type !== 'string' || !Object.hasOwn(guards, type)) return undefined
  try {
    const message = guards[type as keyof typeof guards](value, 'message')
    const tooHot = message.type === 'continue' && (message.temperature < 0 || message.temperature > MAX_TEMPERATURE)
    return tooHot ? undefined : message
  } catch (error) {
    if (error instanceof GuardError) return undefined
    throw error
  }
}
