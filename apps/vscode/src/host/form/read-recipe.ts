import {
  createScanner,
  findNodeAtOffset,
  getNodePath,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import type { FormProblem, Path } from '../../shared/form-messages.ts'

/** As large as the engine reads. */
const MAX_CHARACTERS = 2 ** 20
/** No schema asks for as much, and the reader calls itself for each. */
const MAX_DEPTH = 100

export type ReadRecipe =
  | { readonly tree: Node; readonly value: unknown; readonly problem?: undefined }
  | { readonly tree?: undefined; readonly problem: FormProblem; readonly offset: number }

/** A recipe's text as a value, or where it is none. */
export function readRecipe(text: string): ReadRecipe {
  if (text.length > MAX_CHARACTERS) return unreadable(text, 'large', String(text.length), 0)
  const deep = tooDeep(text)
  if (deep !== undefined) return unreadable(text, 'deep', String(MAX_DEPTH), deep)
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true })
  const [error] = errors
  if (error) return unreadable(text, 'syntax', printParseErrorCode(error.error), error.offset)
  if (tree?.type !== 'object') return unreadable(text, 'object', tree?.type ?? 'undefined', tree?.offset ?? 0)
  const twice = keyThereTwice(tree)
  // A change would be made at the first, and the last is the one that counts.
  if (twice) return unreadable(text, 'twice', JSON.stringify(twice.value), twice.offset)
  return { tree, value: getNodeValue(tree) }
}

function unreadable(text: string, why: FormProblem['why'], detail: string, offset: number): ReadRecipe {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/)
  return { problem: { why, detail, line: before.length, column: before.at(-1)!.length + 1 }, offset }
}

/** Where brackets are nested too deeply. */
function tooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true)
  let depth = 0
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()]
    if (first === '{' || first === '[') depth++
    else if (first === '}' || first === ']') depth--
    if (depth > MAX_DEPTH) return scanner.getTokenOffset()
  }
  return undefined
}

function keyThereTwice(node: Node): Node | undefined {
  const children = node.children ?? []
  const seen = new Set<unknown>()
  for (const { type, children: [key] = [] } of children) {
    if (type !== 'property' || !key) continue
    if (seen.has(key.value)) return key
    seen.add(key.value)
  }
  for (const child of children) {
    const found = keyThereTwice(child)
    if (found) return found
  }
  return undefined
}

/** The value that stands at a place of the text; a key stands for its value. */
export function pathAt(tree: Node, offset: number): Path {
  const node = findNodeAtOffset(tree, offset)
  return node ? getNodePath(node) : []
}
