import {
  type FromView,
  type ToView,
  VIEWER_PROTOCOL,
  type ViewerCall,
  type ViewerCalls,
} from '../../shared/viewer-messages.ts'

declare function acquireVsCodeApi(): {
  postMessage(message: FromView): void
  getState(): unknown
  setState(state: ViewState): void
}

/** What a page finds again when its tab was hidden, which ends it. */
export interface ViewState {
  readonly filter: string
  /** The chosen tensor. */
  readonly tensor: string
}

export interface Asking<T> {
  readonly answer: Promise<T>
  /** The answer will not come. */
  cancel(): void
}

export interface HostLink {
  state(): ViewState
  keep(part: Partial<ViewState>): void
  /** Says which tensor was chosen. */
  chose(tensor: string): void
  ask<K extends ViewerCall>(
    call: K,
    ask: ViewerCalls[K]['ask'],
    onProgress?: (done: number, total: number) => void,
  ): Asking<ViewerCalls[K]['answer']>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  onProgress?: ((done: number, total: number) => void) | undefined
}

/** @param show called with what the host wants to be seen */
export function hostLink(show: (message: ToView) => void): HostLink {
  const api = acquireVsCodeApi()
  const waiting = new Map<number, Waiting>()
  let last = 0
  window.addEventListener('message', ({ data }: MessageEvent<ToView>) => {
    if (data.type === 'answer') settle(data.id)?.resolve(data.value)
    else if (data.type === 'failed') settle(data.id)?.reject(new Error(data.message))
    else if (data.type === 'progress') waiting.get(data.id)?.onProgress?.(data.done, data.total)
    else show(data)
  })
  const settle = (id: number): Waiting | undefined => {
    const found = waiting.get(id)
    waiting.delete(id)
    return found
  }
  api.postMessage({ type: 'ready', protocol: VIEWER_PROTOCOL })
  const state = (): ViewState => {
    const kept = api.getState() as Partial<ViewState> | undefined
    return { filter: kept?.filter ?? '', tensor: kept?.tensor ?? '' }
  }
  return {
    state,
    chose: tensor => api.postMessage({ type: 'chose', tensor }),
    keep: part => api.setState({ ...state(), ...part }),
    ask(call, ask, onProgress) {
      const id = ++last
      const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject, onProgress }))
      // Built from the table of calls, whose rows a compiler cannot join with the name again.
      api.postMessage({ ...ask, type: 'ask', id, call } as unknown as FromView)
      return {
        answer: answer as Promise<ViewerCalls[typeof call]['answer']>,
        cancel: () => waiting.delete(id) && api.postMessage({ type: 'cancel', id }),
      }
    },
  }
}
