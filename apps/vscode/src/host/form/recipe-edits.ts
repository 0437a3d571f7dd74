import {
  applyEdits,
  createScanner,
  type Edit,
  type FormattingOptions,
  findNodeAtLocation,
  modify,
  type Node,
} from 'jsonc-parser'
import type { FormChange, FormValue, Path } from '../../shared/form-messages.ts'
import { readRecipe } from './read-recipe.ts'
import { entryRemoval, isPlain } from './remove-entry.ts'

/**
 * The edits of a text that make a change, none over another. Comments stay, and all lines that are not concerned.
 * @returns none where the text is no recipe or has no such place
 */
export function recipeEdits(text: string, change: FormChange): readonly Edit[] {
  const { tree } = readRecipe(text)
  const edits = tree ? editsOf(text, tree, change) : []
  return readRecipe(applyEdits(text, [...edits])).tree ? edits : []
}

function editsOf(text: string, tree: Node, change: FormChange): readonly Edit[] {
  if (change.type === 'remove') return removal(text, tree, change.path)
  if (change.type === 'swap') return swap(text, tree, change.path, change.at)
  if (change.type === 'set') return placing(text, tree, change.path, change.value)
  const list = nodeAt(tree, change.path)
  if (!list) return placing(text, tree, change.path, [change.value])
  return list.type === 'array' ? placing(text, tree, [...change.path, list.children!.length], change.value) : []
}

const nodeAt = (tree: Node, path: Path): Node | undefined => findNodeAtLocation(tree, [...path])

function placing(text: string, tree: Node, path: Path, value: FormValue | readonly FormValue[]): readonly Edit[] {
  if (!canPlace(tree, path)) return []
  if (nodeAt(tree, path)) return modify(text, [...path], value, {})
  const isArrayInsertion = typeof path.at(-1) === 'number'
  const around = nearest(tree, path)
  if (text.slice(around.offset, around.offset + around.length).includes('\n'))
    return modify(text, [...path], value, { isArrayInsertion, formattingOptions: formattingOf(text) })
  // Formatting is of whole lines, and this line is the user's.
  return modify(text, [...path], value, { isArrayInsertion }).map(edit => ({
    ...edit,
    content: edit.content.replace(/^,/, ', '),
  }))
}

/** Whether all that lies on the way is an object or a list, as the path wants it. */
function canPlace(tree: Node, path: Path): boolean {
  if (path.length === 0) return false
  return path.every((step, i) => {
    const parent = nodeAt(tree, path.slice(0, i))
    if (!parent) return typeof step === 'string'
    return typeof step === 'string' ? parent.type === 'object' : parent.type === 'array'
  })
}

function nearest(tree: Node, path: Path): Node {
  for (let length = path.length - 1; length > 0; length--) {
    const node = nodeAt(tree, path.slice(0, length))
    if (node) return node
  }
  return tree
}

function formattingOf(text: string): FormattingOptions {
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
  const tabs = indent.startsWith('\t')
  return { insertSpaces: !tabs, tabSize: tabs ? 1 : indent.length, eol: /\r\n|\n/.exec(text)?.[0] ?? '\n' }
}

/** An object or list that becomes empty goes with what it held, unless there are comments in it. */
function removal(text: string, tree: Node, path: Path): readonly Edit[] {
  const value = path.length > 0 ? nodeAt(tree, path) : undefined
  if (!value?.parent) return []
  const entry = value.parent.type === 'property' ? value.parent : value
  const holder = entry.parent!
  const empties = holder.children!.length === 1 && holder.parent?.type === 'property' && isPlain(text, holder)
  return empties ? removal(text, tree, path.slice(0, -1)) : entryRemoval(text, entry)
}

interface Span {
  readonly start: number
  readonly end: number
}

function swap(text: string, tree: Node, path: Path, at: number): readonly Edit[] {
  const list = nodeAt(tree, path)
  const entries = list?.type === 'array' ? list.children! : []
  const [one, other] = [entries[at], entries[at + 1]]
  if (!list || !one || !other) return []
  const before = entries[at - 1]
  const first = span(text, before ? before.offset + before.length : list.offset + 1, one)
  const second = span(text, first.end, other)
  const replace = (there: Span, by: Span): Edit => ({
    offset: there.start,
    length: there.end - there.start,
    content: text.slice(by.start, by.end),
  })
  return [replace(first, second), replace(second, first)]
}

/**
 * An entry with the comments before it that begin on lines of their own.
 * @param from where the entry before it ends, or the list begins
 */
function span(text: string, from: number, { offset, length }: Node): Span {
  const scanner = createScanner(text)
  scanner.setPosition(from)
  let [start, newLine] = [offset, false]
  for (scanner.scan(); scanner.getTokenOffset() < offset; scanner.scan()) {
    const token = text[scanner.getTokenOffset()]
    if (token === ',') [start, newLine] = [offset, false]
    else if (token === '\n' || token === '\r') newLine = true
    else if (token === '/' && newLine) start = Math.min(start, scanner.getTokenOffset())
  }
  return { start, end: offset + length }
}
