import * as vscode from 'vscode'
import type { RecipeChecker, RecipeDiagnostic } from '../../shared/recipe-checker.ts'
import { pathOf } from '../paths.ts'
import { isRecipe } from './selector.ts'

/** A mark in a recipe with what it came from, for the quick fixes. */
export interface RecipeMark {
  readonly found: RecipeDiagnostic
  readonly mark: vscode.Diagnostic
  /** Version of the text that the offsets count in. */
  readonly version: number
}

export interface RecipeMarks extends vscode.Disposable {
  of(document: vscode.TextDocument): readonly RecipeMark[]
}

/** So long after the last key; a check opens the model. */
const PAUSE_MS = 300

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
}

/** Keeps the marks of all open recipes. */
export function markRecipes(checker: RecipeChecker): RecipeMarks {
  const collection = vscode.languages.createDiagnosticCollection('sinter')
  const marks = new Map<string, readonly RecipeMark[]>()
  const timers = new Map<string, NodeJS.Timeout>()

  function forget({ uri }: vscode.TextDocument): void {
    clearTimeout(timers.get(uri.toString()))
    for (const map of [marks, timers]) map.delete(uri.toString())
    collection.delete(uri)
  }
  function later(document: vscode.TextDocument, pause: number): void {
    if (!isRecipe(document)) return
    const key = document.uri.toString()
    clearTimeout(timers.get(key))
    timers.set(
      key,
      setTimeout(() => void check(document), pause),
    )
  }
  async function check(document: vscode.TextDocument): Promise<void> {
    const { version } = document
    const found = await checker.check(document.getText(), pathOf(document.uri)).catch(() => undefined)
    // A newer text has its own check under way.
    if (!found || document.isClosed || document.version !== version) return
    const own = found.map(one => ({ found: one, mark: markOf(document, one), version }))
    marks.set(document.uri.toString(), own)
    collection.set(
      document.uri,
      own.map(({ mark }) => mark),
    )
  }
  for (const document of vscode.workspace.textDocuments) later(document, 0)
  const listening = vscode.Disposable.from(
    collection,
    vscode.workspace.onDidOpenTextDocument(document => later(document, 0)),
    vscode.workspace.onDidChangeTextDocument(({ document }) => later(document, PAUSE_MS)),
    vscode.workspace.onDidCloseTextDocument(forget),
  )
  return {
    of: ({ uri }) => marks.get(uri.toString()) ?? [],
    dispose() {
      for (const timer of timers.values()) clearTimeout(timer)
      listening.dispose()
    },
  }
}

function markOf(document: vscode.TextDocument, { offset, length, severity, code, message }: RecipeDiagnostic) {
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length))
  const mark = new vscode.Diagnostic(range, message, severities[severity])
  mark.source = 'sinter'
  mark.code = code
  return mark
}
