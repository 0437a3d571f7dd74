import { basename, dirname } from 'node:path'
import * as vscode from 'vscode'
import { pathOf, uriOf } from '../paths.ts'
import { chooseRun, isDone } from '../runs/choose-run.ts'
import { resultPath } from '../runs/result-path.ts'
import type { RunList, ShownRun } from '../runs/run-list.ts'

export interface ExportSource {
  readonly path: string
  /** What the export is named after. */
  readonly name: string
  /** Where it goes unless another place is chosen. */
  readonly folder: vscode.Uri
}

/** The model that was clicked or is in front, or the result of a run. */
export async function chooseSource(
  runs: RunList,
  clicked: vscode.Uri | ShownRun | undefined,
): Promise<ExportSource | undefined> {
  if (clicked instanceof vscode.Uri) return modelAt(clicked)
  const shownModel = clicked === undefined ? activeModel() : undefined
  if (shownModel) return modelAt(shownModel)
  const shown = await chooseRun(runs, clicked, isDone, {
    placeHolder: vscode.l10n.t('The run whose result to export'),
    missing: vscode.l10n.t('Open a model first, or run a recipe.'),
  })
  return shown && { path: await resultPath(shown), name: basename(shown.run.out), folder: uriOf(shown.workspace) }
}

function activeModel(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input
  return input instanceof vscode.TabInputCustom && input.viewType.startsWith('sinter.model') ? input.uri : undefined
}

/** Weights alone have no tokenizer: of safetensors the model is the folder that holds them. */
function modelAt(uri: vscode.Uri): ExportSource {
  const clicked = pathOf(uri)
  const path = /\.safetensors(\.index\.json)?$/.test(clicked) ? dirname(clicked) : clicked
  const folder = vscode.workspace.getWorkspaceFolder(uri)?.uri ?? uriOf(dirname(path))
  return { path, name: basename(path).replace(/\.gguf$/, ''), folder }
}
