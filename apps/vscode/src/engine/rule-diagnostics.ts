import { findNodeAtLocation } from 'jsonc-parser'
import type { RecipeDiagnostic, RecipeFix } from '../shared/recipe-checker.ts'
import type { RecipeSource } from './recipe-checker.ts'
import { type Path, type Span, valueSpan } from './recipe-place.ts'

/** Where an error of a code belongs when its message names no place. */
const places: Readonly<Record<string, Path>> = {
  calibration: ['calibration'],
  tokenizer: ['model'],
  missing: ['model'],
  unsupported: ['model'],
  output: ['output'],
  option: ['output'],
  'disk-space': ['model'],
}

/** An error of the planner, marked where the rule stands that it is about. */
export function ruleDiagnostic(source: RecipeSource, error: unknown): RecipeDiagnostic {
  const message = error instanceof Error ? error.message : String(error)
  const code = String((error as { code?: unknown }).code ?? 'plan')
  const rule = rulePath(source, message)
  const path = rule ?? places[code] ?? ['model']
  const at = valueSpan(source.tree, path)
  return { ...at, severity: 'error', code, message, fixes: nearestFixes(source, message, rule && at) }
}

/** Messages of the planner begin with the rule's place (`steps[0] (gptq): `) and quote the glob or range that is wrong. */
function rulePath({ tree }: RecipeSource, message: string): Path | undefined {
  const [, list, number] = /^(steps|protect)\[(\d+)\]/.exec(message) ?? []
  if (list === undefined) return undefined
  const path: Path = [list, Number(number)]
  if (list === 'protect') return path
  const quoted = /"([^"]*)"/.exec(message)?.[1]
  const targets = findNodeAtLocation(tree, [...path, 'targets'])?.children ?? []
  const index = targets.findIndex(({ value }) => value === quoted || value === `!${quoted}`)
  if (index >= 0) return [...path, 'targets', index]
  const key = / blocks "/.test(message) ? 'blocks' : (/\): (\w+) /.exec(message)?.[1] ?? 'method')
  return [...path, findNodeAtLocation(tree, [...path, key]) ? key : 'method']
}

/** The names of layers that the message ends with, in place of a glob. */
function nearestFixes({ text }: RecipeSource, message: string, at: Span | undefined): RecipeFix[] {
  const names = /matches nothing; nearest names: (.*)$/.exec(message)?.[1]?.split(', ').slice(0, 3) ?? []
  if (!at) return []
  // One that takes layers out goes on doing so.
  const not = text[at.offset + 1] === '!' ? '!' : ''
  return names.map(name => {
    const quoted = JSON.stringify(not + name)
    return { title: `Change to ${quoted}`, edits: [{ ...at, text: quoted }] }
  })
}
