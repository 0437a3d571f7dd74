import * as vscode from 'vscode'
import type { FileProblem, FileRequest } from '../../web/worker-messages.ts'
import { folderOf } from '../paths.web.ts'
import { shownFile } from './shown-files.ts'

/**
 * Answers what the worker asks about files: it reads what lies in the workspace or is shown, and writes into a trusted workspace.
 * @throws FileProblem
 */
export async function answerFile(request: FileRequest): Promise<unknown> {
  const { path } = request
  const inside = folderOf(path)?.uri.with({ path })
  const uri = inside ?? shownFile(path)
  if (request.kind === 'write') {
    if (!inside || !vscode.workspace.isTrusted) throw problem('EACCES', path)
    return vscode.workspace.fs.writeFile(inside, request.bytes)
  }
  // What lies outside is not there, for one as for the other.
  if (!uri) {
    if (request.kind === 'stat') return undefined
    throw problem('ENOENT', path)
  }
  if (request.kind === 'stat') return statOf(uri)
  if (request.kind === 'names') return (await vscode.workspace.fs.readDirectory(uri)).map(([name]) => name)
  return vscode.workspace.fs.readFile(uri)
}

async function statOf(uri: vscode.Uri) {
  const found = await vscode.workspace.fs.stat(uri).then(
    stat => stat,
    () => undefined,
  )
  if (!found) return undefined
  const kind = found.type & vscode.FileType.Directory ? 'folder' : 'file'
  return { kind, size: found.size, modified: found.mtime }
}

const problem = (code: string, path: string): FileProblem & Error =>
  Object.assign(new Error(`${code}: ${path}`), { code })
