import { SinterError } from '@sinter/model'
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { isMap, isPair, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml'
import { type Complaint, showPath } from './issues.ts'

/** A parsed text that knows where its values stand. */
export interface RecipeDocument {
  readonly value: unknown
  /** The line (from 1) of the value at a path, or of the nearest one around it that is there. */
  lineOf(path: readonly PropertyKey[]): number
  /** Where the path's last key, or the value there, stands in the text; undefined when it is not there. */
  spanOf(path: readonly PropertyKey[], of: 'key' | 'value'): Span | undefined
}

/** In UTF-16 units. */
export interface Span {
  readonly offset: number
  readonly length: number
}

type Path = (string | number)[]

/** Recipes are written by hand: a page or two. A larger file is something else, given by mistake. */
const MAX_CHARACTERS = 2 ** 20

/**
 * Reads JSON with comments (`.json`, `.jsonc`) or YAML (any other name).
 * @param name of the file, for messages
 * @throws SinterError `recipe` with the line of the first error
 */
export function parseRecipeText(text: string, name: string): RecipeDocument {
  if (text.length > MAX_CHARACTERS)
    throw new SinterError(
      'recipe',
      `${name}: ${text.length} characters; a recipe has at most ${MAX_CHARACTERS}. Is this the right file?`,
    )
  return /\.jsonc?$/.test(name) ? parseJsonc(text, name) : parseYaml(text, name)
}

/** Puts a complaint into words, with file and line. */
export function sayWithLine(document: RecipeDocument, name: string): (complaint: Complaint) => string {
  return ({ path, message }) => {
    const key = showPath(path)
    return `${name}:${document.lineOf(path)}: ${key ? `${key}: ` : ''}${message}`
  }
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

function parseJsonc(text: string, name: string): RecipeDocument {
  const errors: ParseError[] = []
  const tree = parseTree(text, errors, { allowTrailingComma: true })
  const [first] = errors
  if (first || !tree) {
    const what = first ? printParseErrorCode(first.error) : 'empty'
    throw new SinterError('recipe', `${name}:${lineAt(text, first?.offset ?? 0)}: not JSON (${what})`)
  }
  refuseDuplicates(tree, text, name)
  return {
    value: getNodeValue(tree),
    lineOf: path => lineAt(text, jsoncNode(tree, path.map(pathPart)).offset),
    spanOf: (path, of) => jsoncSpan(tree, path.map(pathPart), of),
  }
}

function jsoncSpan(tree: Node, path: Path, of: 'key' | 'value'): Span | undefined {
  const node = findNodeAtLocation(tree, path)
  const found = of === 'value' ? node : node?.parent?.type === 'property' ? node.parent.children?.[0] : undefined
  return found && { offset: found.offset, length: found.length }
}

/** The property of a path's last key, so that the line is the key's. */
function jsoncNode(tree: Node, path: Path): Node {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(tree, path.slice(0, length))
    if (node) return node.parent?.type === 'property' ? node.parent : node
  }
  return tree
}

/** The library keeps the last of equal keys, silently. */
function refuseDuplicates(node: Node, text: string, name: string): void {
  const seen = new Set<unknown>()
  for (const child of node.children ?? []) {
    const key = child.type === 'property' ? child.children?.[0] : undefined
    if (key && seen.has(key.value))
      throw new SinterError('recipe', `${name}:${lineAt(text, key.offset)}: the key "${key.value}" comes twice`)
    if (key) seen.add(key.value)
    refuseDuplicates(child, text, name)
  }
}

function parseYaml(text: string, name: string): RecipeDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error) throw new SinterError('recipe', `${name}:${lines.linePos(error.pos[0]).line}: not YAML (${error.message})`)
  return {
    value: aliased(() => document.toJS({ maxAliasCount: 100 }), name),
    lineOf: path => lines.linePos(yamlOffset(document.contents, path.map(pathPart))).line,
    spanOf: (path, of) => yamlSpan(document.contents, path.map(pathPart), of),
  }
}

function yamlSpan(root: ParsedNode | null, path: Path, of: 'key' | 'value'): Span | undefined {
  let node: unknown = root
  let key: unknown
  for (const part of path) {
    const pair = isMap(node)
      ? node.items.find(item => isPair(item) && isScalar(item.key) && String(item.key.value) === `${part}`)
      : undefined
    key = pair?.key
    node = isSeq(node) ? node.items[Number(part)] : pair?.value
  }
  const range = ((of === 'key' ? key : node) as ParsedNode | undefined)?.range
  return range ? { offset: range[0], length: range[1] - range[0] } : undefined
}

function aliased(read: () => unknown, name: string): unknown {
  try {
    return read()
  } catch (cause) {
    throw new SinterError('recipe', `${name}: not YAML (${(cause as Error).message})`, { cause })
  }
}

function yamlOffset(root: ParsedNode | null, path: Path): number {
  let node: unknown = root
  let offset = root?.range[0] ?? 0
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isPair(item) && isScalar(item.key) && String(item.key.value) === `${part}`)
      if (!pair) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(part)]
      offset = (node as ParsedNode | undefined)?.range[0] ?? offset
    } else break
  }
  return offset
}

const pathPart = (part: PropertyKey): string | number => (typeof part === 'number' ? part : String(part))
