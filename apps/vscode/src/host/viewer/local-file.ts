import { randomUUID } from 'node:crypto'
import * as vscode from 'vscode'

export interface LocalFile {
  readonly path: string
  dispose(): void
}

/** Other file systems hand over only whole files, through memory. */
const MAX_COPIED_BYTES = 256 * 2 ** 20

/** The file by a path that another process can open: itself, or a copy of a file that lies in no file system of this machine. */
export async function localFile(uri: vscode.Uri, storage: vscode.Uri): Promise<LocalFile> {
  if (uri.scheme === 'file') return { path: uri.fsPath, dispose() {} }
  const { size } = await vscode.workspace.fs.stat(uri)
  if (size > MAX_COPIED_BYTES)
    throw new Error(
      vscode.l10n.t(
        'This file has {0} MB. From {1} files of at most {2} MB are shown, because they have to be copied whole.',
        Math.ceil(size / 2 ** 20),
        uri.scheme,
        MAX_COPIED_BYTES / 2 ** 20,
      ),
    )
  const folder = vscode.Uri.joinPath(storage, 'viewed', randomUUID())
  // The ending says how it is read. Nothing else of the name is needed.
  const ending = /\.(safetensors\.index\.json|safetensors|gguf|onnx)$/.exec(uri.path)?.[0] ?? ''
  const copy = vscode.Uri.joinPath(folder, `model${ending}`)
  await vscode.workspace.fs.writeFile(copy, await vscode.workspace.fs.readFile(uri))
  return { path: copy.fsPath, dispose: () => void vscode.workspace.fs.delete(folder, { recursive: true }) }
}
