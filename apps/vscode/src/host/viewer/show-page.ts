import { randomBytes } from 'node:crypto'
import * as vscode from 'vscode'
import { viewerStrings } from '../../shared/viewer-strings.ts'
import type { ReaderOf } from './model-document.ts'
import { viewerPage } from './page.ts'
import { type Shown, type ViewSession, viewSession } from './session.ts'

/** Puts a page into a webview and answers it until the panel is closed. */
export function showPage(
  { webview, onDidDispose }: vscode.WebviewPanel,
  shown: Shown,
  extension: vscode.Uri,
  readerOf: ReaderOf,
  onChose?: (tensor: string) => void,
): ViewSession {
  const folder = vscode.Uri.joinPath(extension, 'dist', 'webviews')
  webview.options = { enableScripts: true, localResourceRoots: [folder] }
  const session = viewSession(shown, readerOf, message => void webview.postMessage(message), {
    strings: translated(),
    ...(onChose && { onChose }),
  })
  const listening = webview.onDidReceiveMessage(message => void session.receive(message))
  onDidDispose(() => {
    listening.dispose()
    session.dispose()
  })
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, 'model.js')).toString()
  webview.html = viewerPage(script, randomBytes(16).toString('hex'), vscode.env.language)
  return session
}

/** Texts of the page, where the user's language has a bundle. */
function translated(): Readonly<Record<string, string>> | undefined {
  if (!vscode.l10n.bundle) return undefined
  return Object.fromEntries(Object.entries(viewerStrings).map(([key, text]) => [key, vscode.l10n.t(text)]))
}
