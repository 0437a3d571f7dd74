import type * as vscode from 'vscode'
import { viewerStrings } from '../../shared/viewer-strings.ts'
import { openPage, translated } from '../open-page.ts'
import type { ReaderOf } from './model-document.ts'
import { type Shown, type ViewSession, viewSession } from './session.ts'

/** Puts a page into a webview and answers it until the panel is closed. */
export function showPage(
  { webview, onDidDispose }: vscode.WebviewPanel,
  shown: Shown,
  extension: vscode.Uri,
  readerOf: ReaderOf,
  onChose?: (tensor: string) => void,
): ViewSession {
  const strings = translated(viewerStrings)
  const session = viewSession(shown, readerOf, message => void webview.postMessage(message), {
    strings,
    ...(onChose && { onChose }),
  })
  const listening = webview.onDidReceiveMessage(message => void session.receive(message))
  onDidDispose(() => {
    listening.dispose()
    session.dispose()
  })
  openPage(webview, extension, 'model')
  return session
}
