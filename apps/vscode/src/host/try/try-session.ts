import type { EngineClient } from '../../engine-client/index.ts'
import {
  readFromTry,
  type ToTry,
  TRY_PROTOCOL,
  type TryOptions,
  type TrySide,
  type Which,
} from '../../shared/try-messages.ts'

/** The two models of a page; paths stay with the host. */
export type TryModels = Readonly<Record<Which, { readonly path: string; readonly name: string }>>

export interface TrySession {
  receive(message: unknown): void
  dispose(): void
}

export interface TrySessionOptions {
  readonly strings?: Readonly<Record<string, string>> | undefined
  readonly threads?: number | undefined
}

/**
 * The host's side of *Try It*. What was written stays when the page is hidden and made anew. The models write one after the other:
 * together they would need both their weights in memory, and neither would have the speed that is told of it.
 */
export function trySession(
  { request }: Pick<EngineClient, 'request'>,
  models: TryModels,
  post: (message: ToTry) => void,
  { strings, threads }: TrySessionOptions = {},
): TrySession {
  const sides: Record<Which, TrySide> = { original: idle, compressed: idle }
  let running: AbortController | undefined

  const set = (which: Which, side: TrySide): void => {
    sides[which] = side
    post({ type: 'side', which, side })
  }
  const write = async (which: Which, options: TryOptions, signal: AbortSignal): Promise<void> => {
    set(which, { state: 'waiting', text: '' })
    const onEvent = (event: { readonly type: string; readonly text?: string }): void => {
      if (event.type !== 'text' || event.text === undefined || signal.aborted) return
      const { text } = sides[which]
      sides[which] = { state: 'writing', text: text + event.text }
      post({ type: 'piece', which, text: event.text })
    }
    try {
      const params = { path: models[which].path, ...options, ...(threads && { threads }) }
      const { text, ids, tokensPerSecond } = await request('generate', params, { signal, onEvent })
      set(which, { state: 'done', text, tokens: ids.length, tokensPerSecond })
    } catch (error) {
      const { text } = sides[which]
      const message = error instanceof Error ? error.message : String(error)
      set(which, signal.aborted ? { state: 'stopped', text } : { state: 'failed', text, message })
    }
  }
  const run = async (options: TryOptions): Promise<void> => {
    if (running) return
    const controller = new AbortController()
    running = controller
    post({ type: 'running', running: true })
    for (const which of whiches) set(which, idle)
    for (const which of whiches) if (!controller.signal.aborted) await write(which, options, controller.signal)
    running = undefined
    post({ type: 'running', running: false })
  }

  return {
    receive(raw) {
      const message = readFromTry(raw)
      if (message?.type === 'stop') running?.abort()
      else if (message?.type === 'continue') {
        const { prompt, tokens, temperature } = message
        void run({ prompt, tokens, temperature })
      } else if (message?.type === 'ready') {
        if (message.protocol === TRY_PROTOCOL)
          post({ type: 'begin', names: namesOf(models), sides: { ...sides }, running: running !== undefined, strings })
        else
          post({
            type: 'refused',
            message: 'This page is of another version of the extension: close it and open it again.',
          })
      }
    },
    dispose: () => running?.abort(),
  }
}

const whiches: readonly Which[] = ['original', 'compressed']
const idle: TrySide = { state: 'idle', text: '' }

const namesOf = ({ original, compressed }: TryModels): Readonly<Record<Which, string>> => ({
  original: original.name,
  compressed: compressed.name,
})
