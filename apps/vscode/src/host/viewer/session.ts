import type { Comparison, ModelHeader, ModelReader } from '../../shared/model-reader.ts'
import {
  type ComparedNames,
  readFromView,
  type ToView,
  VIEWER_PROTOCOL,
  type ViewerRequest,
} from '../../shared/viewer-messages.ts'

/** What a page shows: a model, or the difference of two. */
export type Shown =
  | { readonly kind: 'model'; readonly path: string; readonly header: () => Promise<ModelHeader> }
  | {
      readonly kind: 'comparison'
      readonly before: string
      readonly after: string
      readonly names: ComparedNames
      readonly comparison: () => Promise<Comparison>
    }

export interface SessionOptions {
  /** Texts of the page in the user's language. */
  readonly strings?: Readonly<Record<string, string>> | undefined
  /** Called when a tensor is chosen in the page. */
  readonly onChose?: (tensor: string) => void
}

export interface ViewSession {
  receive(message: unknown): Promise<void>
  /** The files have changed: the page begins anew, if it has begun. */
  refresh(): Promise<void>
  /** Shows a tensor, if the model has one of that name. */
  choose(tensor: string): void
  dispose(): void
}

/**
 * The host's side of one page. It answers what the page asks about the files that it shows, and about no other.
 * @param readerOf called when something is asked, so that no process is started for a page that is never seen
 */
export function viewSession(
  shown: Shown,
  readerOf: () => ModelReader | Promise<ModelReader>,
  post: (message: ToView) => void,
  { strings, onChose }: SessionOptions = {},
): ViewSession {
  const running = new Map<number, AbortController>()
  const answer = async (request: ViewerRequest): Promise<void> => {
    const { id } = request
    const abort = new AbortController()
    running.set(id, abort)
    try {
      const value = await ask(await readerOf(), shown, request, {
        signal: abort.signal,
        onProgress: (done, total) => !abort.signal.aborted && post({ type: 'progress', id, done, total }),
      })
      if (!abort.signal.aborted) post({ type: 'answer', id, value })
    } catch (error) {
      if (!abort.signal.aborted) post({ type: 'failed', id, message: messageOf(error) })
    } finally {
      // A page that was drawn anew counts from the start.
      if (running.get(id) === abort) running.delete(id)
    }
  }
  const stopAll = (): void => {
    for (const abort of running.values()) abort.abort()
    running.clear()
  }
  let begun: number | undefined
  return {
    async refresh() {
      stopAll()
      if (begun !== undefined) post(await opening(shown, begun, strings))
    },
    async receive(raw) {
      const message = readFromView(raw)
      if (!message) return
      if (message.type === 'ready') {
        stopAll()
        post(await opening(shown, (begun = message.protocol), strings))
      } else if (message.type === 'chose') onChose?.(message.tensor)
      else if (message.type === 'cancel') running.get(message.id)?.abort()
      else await answer(message)
    },
    choose: tensor => post({ type: 'choose', tensor }),
    dispose: stopAll,
  }
}

async function opening(shown: Shown, protocol: number, strings?: Readonly<Record<string, string>>): Promise<ToView> {
  const texts = strings && { strings }
  if (protocol !== VIEWER_PROTOCOL)
    return {
      type: 'refused',
      message: `This page speaks version ${protocol} of the protocol and the extension ${VIEWER_PROTOCOL}: close the editor and open it again.`,
      ...texts,
    }
  try {
    if (shown.kind === 'model') return { type: 'model', header: await shown.header(), ...texts }
    return { type: 'comparison', names: shown.names, comparison: await shown.comparison(), ...texts }
  } catch (error) {
    return { type: 'refused', message: messageOf(error), ...texts }
  }
}

function ask(
  reader: ModelReader,
  shown: Shown,
  request: ViewerRequest,
  control: Parameters<ModelReader['stats']>[3],
): ReturnType<ModelReader['tensors' | 'stats' | 'rowGroups' | 'difference']> {
  if (shown.kind === 'comparison') {
    if (request.call === 'difference') return reader.difference(shown.before, shown.after, request.tensor, control)
    throw new TypeError(`a comparison of models is not asked for ${request.call}`)
  }
  if (request.call === 'tensors') return reader.tensors(shown.path, request.start, request.count)
  if (request.call === 'stats') return reader.stats(shown.path, request.tensor, request.options, control)
  if (request.call === 'rowGroups') return reader.rowGroups(shown.path, request.tensor, request.row, request.groupSize)
  throw new TypeError('one model has no difference')
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
