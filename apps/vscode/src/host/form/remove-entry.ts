import { createScanner, type Edit, type Node, stripComments } from 'jsonc-parser'

/**
 * Removes a property or an entry of a list with its comma. All comments stay: `modify` of the library takes those along that stand
 * between an entry and its neighbour.
 */
export function entryRemoval(text: string, entry: Node): readonly Edit[] {
  const end = entry.offset + entry.length
  const behind = commaAfter(text, end)
  if (behind !== undefined && text.slice(end, behind).trim() === '') return [cut(text, entry.offset, behind + 1)]
  const siblings = entry.parent!.children!
  const before = siblings[siblings.indexOf(entry) - 1]
  const comma = behind ?? (before && commaAfter(text, before.offset + before.length))
  const own = cut(text, entry.offset, end)
  return comma === undefined ? [own] : [own, { offset: comma, length: 1, content: '' }]
}

/** Whether there is no comment in a node. */
export function isPlain(text: string, { offset, length }: Node): boolean {
  const own = text.slice(offset, offset + length)
  return stripComments(own) === own
}

/** Takes a range out; its line too when nothing else stands there, or else the space behind it. */
function cut(text: string, start: number, end: number): Edit {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const alone = text.slice(lineStart, start).trim() === ''
  const rest = /^[ \t]*(\r?\n|$)?/.exec(text.slice(end))!
  if (alone && rest[1] !== undefined)
    return { offset: lineStart, length: end + rest[0].length - lineStart, content: '' }
  return { offset: start, length: end - start + (rest[1] === undefined ? rest[0].length : 0), content: '' }
}

/** Where the comma behind an entry is, if there is one. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true)
  scanner.setPosition(offset)
  scanner.scan()
  const at = scanner.getTokenOffset()
  return text[at] === ',' ? at : undefined
}
