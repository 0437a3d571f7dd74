import { randomBytes } from 'node:crypto'
import * as vscode from 'vscode'
import { viewerPage } from './viewer/page.ts'

/** Puts one of our pages into a webview: `dist/webviews/NAME.js` and nothing else is loaded. */
export function openPage(webview: vscode.Webview, extension: vscode.Uri, name: string): void {
  const folder = vscode.Uri.joinPath(extension, 'dist', 'webviews')
  webview.options = { enableScripts: true, localResourceRoots: [folder] }
  const script = webview.asWebviewUri(vscode.Uri.joinPath(folder, `${name}.js`)).toString()
  webview.html = viewerPage(script, randomBytes(16).toString('hex'), vscode.env.language)
}

/** Texts of a page, where the user's language has a bundle. */
export function translated(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  if (!vscode.l10n.bundle) return undefined
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, vscode.l10n.t(text)]))
}
