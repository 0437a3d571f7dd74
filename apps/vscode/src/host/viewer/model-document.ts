import * as vscode from 'vscode'
import type { ModelHeader, ModelReader } from '../../shared/model-reader.ts'
import { type LocalFile, localFile } from './local-file.ts'

export type ReaderOf = () => Promise<ModelReader>

/** A model file that is shown, by one editor or several. */
export interface ModelDocument extends vscode.CustomDocument {
  readonly path: string
  /** Read once; again after a change. */
  header(): Promise<ModelHeader>
  readonly onDidChange: vscode.Event<void>
}

/** A file that is being written changes many times. */
const SETTLED_MS = 500

/** @throws when the file lies elsewhere and is too large to be copied */
export async function openModelDocument(
  uri: vscode.Uri,
  storage: vscode.Uri,
  readerOf: ReaderOf,
): Promise<ModelDocument> {
  const file: LocalFile = await localFile(uri, storage)
  const changed = new vscode.EventEmitter<void>()
  let header: Promise<ModelHeader> | undefined
  const close = async (): Promise<void> => {
    if (!header) return
    header = undefined
    await (await readerOf()).close(file.path)
  }
  const watcher = watch(uri, () => {
    void close()
      .catch(() => {})
      .finally(() => changed.fire())
  })
  return {
    uri,
    path: file.path,
    header() {
      const asked = (header ??= readerOf().then(reader => reader.open(file.path)))
      // What was refused may be read the next time.
      asked.catch(() => {
        if (header === asked) header = undefined
      })
      return asked
    },
    onDidChange: changed.event,
    dispose() {
      watcher.dispose()
      changed.dispose()
      void close()
        .catch(() => {})
        .finally(() => file.dispose())
    },
  }
}

function watch(uri: vscode.Uri, onChange: () => void): vscode.Disposable {
  const folder = vscode.Uri.joinPath(uri, '..')
  const name = uri.path.slice(uri.path.lastIndexOf('/') + 1)
  // Brackets and braces mean something in a pattern; no other file has a name that differs only there.
  const pattern = new vscode.RelativePattern(folder, name.replace(/[[\]{}*?!]/g, '?'))
  const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, false, true)
  let timer: ReturnType<typeof setTimeout> | undefined
  const later = (): void => {
    clearTimeout(timer)
    timer = setTimeout(onChange, SETTLED_MS)
  }
  const listeners = [watcher.onDidChange(later), watcher.onDidCreate(later)]
  return new vscode.Disposable(() => {
    clearTimeout(timer)
    for (const listener of [...listeners, watcher]) listener.dispose()
  })
}
