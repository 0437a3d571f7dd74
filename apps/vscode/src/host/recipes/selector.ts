import type { DocumentFilter, TextDocument } from 'vscode'

/** By name, not by a language of our own: as `jsonc` the file has the editor's completion, hover and folding for nothing. */
export const recipeSelector: readonly DocumentFilter[] = [
  { language: 'jsonc', scheme: 'file', pattern: '**/*.sinter.jsonc' },
  { language: 'jsonc', scheme: 'untitled', pattern: '**/*.sinter.jsonc' },
]

export const isRecipe = ({ uri, languageId }: TextDocument): boolean =>
  languageId === 'jsonc' && /^(file|untitled)$/.test(uri.scheme) && uri.path.endsWith('.sinter.jsonc')
