import * as vscode from 'vscode'
import { folderOf } from '../paths.web.ts'

const UNTITLED = 'untitled'

/** As its namesake, on the file systems of the workspace: on the web they are of many kinds. */
export const recipeSelector: readonly vscode.DocumentFilter[] = [
  ...new Set([...(vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.scheme), UNTITLED]),
].map(scheme => ({ language: 'jsonc', scheme, pattern: '**/*.sinter.jsonc' }))

export const isRecipe = ({ uri, languageId }: vscode.TextDocument): boolean =>
  languageId === 'jsonc' &&
  (uri.scheme === UNTITLED || uri.scheme === folderOf(uri.path)?.uri.scheme) &&
  uri.path.endsWith('.sinter.jsonc')
