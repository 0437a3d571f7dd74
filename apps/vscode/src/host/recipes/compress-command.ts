import { posix } from 'node:path'
import * as vscode from 'vscode'
import type { NamedRecipe, RecipeService } from '../../shared/recipe-checker.ts'
import { recipeText, relativePath } from '../../shared/recipe-text.ts'
import { freePlace, openUnsaved } from './unsaved-recipe.ts'

const MODELS = '**/*.{safetensors,gguf}'
const AT_MOST = 200

/** *Compress…*: a model, a preset, and a recipe to go on with; nothing is written before the user saves it. */
export function registerCompressCommand(service: RecipeService): vscode.Disposable {
  return vscode.commands.registerCommand('sinter.compress', async (given?: vscode.Uri) => {
    const model = given ?? activeModel() ?? (await pickModel())
    const preset = model && (await pickPreset(await service.presets(), model))
    if (!model || !preset) return
    await openRecipe(model, preset)
  })
}

/** The model whose editor is in front. */
function activeModel(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input
  return input instanceof vscode.TabInputCustom && input.viewType.startsWith('sinter.model') ? input.uri : undefined
}

async function pickModel(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(MODELS, '**/{node_modules,.sinter}/**', AT_MOST)
  if (found.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No .safetensors or .gguf file in this workspace.'))
    return undefined
  }
  const items = found.map(uri => ({ label: vscode.workspace.asRelativePath(uri), uri }))
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t('The model to compress') })
  return picked?.uri
}

async function pickPreset(presets: readonly NamedRecipe[], model: vscode.Uri): Promise<NamedRecipe | undefined> {
  const usual = vscode.workspace.getConfiguration('sinter', model).get<string>('preset')
  const items = presets
    .map(preset => ({ label: preset.name, detail: preset.title, preset }))
    .sort((a, b) => Number(b.label === usual) - Number(a.label === usual))
  const placeHolder = vscode.l10n.t('A recipe to begin with')
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDetail: true }))?.preset
}

/** Beside the model. */
async function openRecipe(model: vscode.Uri, preset: NamedRecipe): Promise<void> {
  const folder = vscode.workspace.getWorkspaceFolder(model)?.uri ?? vscode.Uri.joinPath(model, '..')
  const place = await freePlace(folder, `${posix.parse(model.path).name}-${preset.name}`)
  const text = recipeText(preset.text, relativePath(folder.path, modelFolder(model)))
  await openUnsaved(place, text)
}

/** Weights alone have no tokenizer: the model is the folder that holds them. */
const modelFolder = ({ path }: vscode.Uri): string => (path.endsWith('.safetensors') ? posix.dirname(path) : path)
