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
  for (const folder of [path, join(path, 'onnx')]) {
    const found = await filesIn(folder)
    const file = names.find(name => found.includes(name)) ?? found.find(name => endings.some(end => name.endsWith(end)))
    if (file !== undefined) return uriOf(join(folder, file))
  }
  throw new Error(vscode.l10n.t('{path} has no weights that can be shown.', { path }))
}

const filesIn = async (folder: string): Promise<string[]> =>
  vscode.workspace.fs.readDirectory(uriOf(folder)).then(
    found => found.map(([name]) => name).sort(),
    () => [],
  )
