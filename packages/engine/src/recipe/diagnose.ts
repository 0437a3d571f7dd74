import { basename, dirname, resolve } from 'node:path'
import { type RecipePlace, SinterError, type SinterErrorCode } from '@sinter/model'
import { parseRecipeText, type RecipeDocument, type Span } from './document.ts'
import { type Complaint, showPath } from './issues.ts'
import { examine, placeRecipe } from './parse.ts'
import type { Recipe } from './recipe.ts'

/** One thing that an editor underlines in a recipe. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** `steps[0].bits`; empty for the whole recipe. */
  readonly path: string
  /** From 1. */
  readonly line: number
  /** What is underlined; absent for the whole line. */
  readonly span?: Span | undefined
  readonly message: string
  /** What repairs it: this text in place of that part. */
  readonly fix?: (Span & { readonly text: string }) | undefined
}

/** A recipe text as an editor looks at it. */
export interface DiagnosedRecipe {
  /** Absent when there are errors. Its paths are absolute. */
  readonly recipe?: Recipe
  readonly diagnostics: readonly Diagnostic[]
  /** Where an error of the planner stands in the text. */
  place(error: SinterError): Diagnostic
}

/**
 * All that can be known of a recipe's text without its model. Never throws for what is in the text.
 * @param path of the file: its ending says JSON or YAML, and paths in the recipe are relative to its folder
 */
export function diagnoseRecipe(text: string, path: string): DiagnosedRecipe {
  const document = parsed(text, basename(path))
  if (document instanceof SinterError) {
    const diagnostic = unreadable(document)
    return { diagnostics: [diagnostic], place: () => diagnostic }
  }
  const { recipe, found } = examine(document.value)
  return {
    ...(recipe && { recipe: placeRecipe(recipe, dirname(resolve(path))) }),
    diagnostics: found.map(complaint => diagnosticOf(document, text, complaint)),
    place: error => diagnosticOf(document, text, complaintOf(error)),
  }
}

function parsed(text: string, name: string): RecipeDocument | SinterError {
  try {
    return parseRecipeText(text, name)
  } catch (error) {
    if (error instanceof SinterError) return error
    throw error
  }
}

/** A text that is no JSON or YAML: its message begins with the name and the line. */
function unreadable({ message }: SinterError): Diagnostic {
  const [, line = '1', rest = message] = /^[^\n]*?:(\d+): ([\s\S]*)$/.exec(message) ?? []
  return { severity: 'error', path: '', line: Number(line), message: rest }
}

function diagnosticOf(document: RecipeDocument, text: string, { path, message, instead }: Complaint): Diagnostic {
  const of = instead?.of ?? 'value'
  const span = path.length > 0 ? document.spanOf(path, of) : undefined
  const fix = span && instead && { ...span, text: written(instead.name, text[span.offset]) }
  return { severity: 'error', path: showPath(path), line: document.lineOf(path), span, message, fix }
}

/** A text has the quotes of what it replaces. */
function written(value: string | number, first: string | undefined): string {
  const quote = typeof value === 'string' && (first === '"' || first === "'") ? first : ''
  return `${quote}${value}${quote}`
}

/** Errors that know no place speak of a section. */
const sections: Partial<Readonly<Record<SinterErrorCode, string>>> = {
  calibration: 'calibration',
  evaluation: 'evaluate',
  tokenizer: 'model',
  output: 'output',
}

function complaintOf({ code, message, place }: SinterError): Complaint {
  const { path, suggestion } = place ?? { path: pathIn(message, code) }
  return { path, message, instead: suggestion === undefined ? undefined : { of: 'value', name: suggestion } }
}

/** `steps[1] (gptq): …` */
function pathIn(message: string, code: SinterErrorCode): RecipePlace['path'] {
  const step = /^steps\[(\d+)\]/.exec(message)
  if (step) return ['steps', Number(step[1])]
  const section = sections[code]
  return section === undefined ? [] : [section]
}
