import { join } from 'node:path'
import * as vscode from 'vscode'
import { uriOf } from '../paths.ts'

/** Weights that an editor can show, by preference. An index names all its files. */
const names = ['model.safetensors', 'model.safetensors.index.json']
const endings = ['.safetensors', '.gguf', '.onnx']

/** The file of a model that its editor opens: the model itself, or the weights in its folder. @throws Error when there are none */
export async function modelFile(path: string): Promise<vscode.Uri> {
  const { type } = await vscode.workspace.fs.stat(uriOf(path))
  if (type !== vscode.FileType.Directory) return uriOf(path)
  const found = (await vscode.workspace.fs.readDirectory(uriOf(path))).map(([name]) => name).sort()
  const file = names.find(name => found.includes(name)) ?? found.find(name => endings.some(end => name.endsWith(end)))
  if (file === undefined) throw new Error(vscode.l10n.t('{path} has no weights that can be shown.', { path }))
  return uriOf(join(path, file))
}
