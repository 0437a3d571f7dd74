import type { TreeNode } from './tree-model.ts'

export interface TreeCursor {
  nodes(): readonly TreeNode[]
  active(): number
  /** Rows of a page. */
  page(): number
  isOpen(node: TreeNode): boolean
  move(index: number): void
  toggle(node: TreeNode, open: boolean): void
  choose(node: TreeNode): void
}

/** Letters that come within this time are one word. */
const WORD_MS = 600

/** The keys of the tree view pattern (ARIA Authoring Practices Guide, Tree View). */
export function treeKeys(cursor: TreeCursor): (event: KeyboardEvent) => void {
  let word = ''
  let typed = 0
  const step: Readonly<Record<string, (at: number, node: TreeNode) => void>> = {
    ArrowDown: at => cursor.move(at + 1),
    ArrowUp: at => cursor.move(at - 1),
    Home: () => cursor.move(0),
    End: () => cursor.move(cursor.nodes().length - 1),
    PageDown: at => cursor.move(at + cursor.page()),
    PageUp: at => cursor.move(at - cursor.page()),
    ArrowRight: (at, node) => {
      if (node.tensor) return
      if (cursor.isOpen(node)) cursor.move(at + 1)
      else cursor.toggle(node, true)
    },
    ArrowLeft: (_, node) => {
      if (!node.tensor && cursor.isOpen(node)) cursor.toggle(node, false)
      else if (node.above && node.level > 1) cursor.move(cursor.nodes().indexOf(node.above))
    },
    Enter: (_, node) => cursor.choose(node),
    ' ': (_, node) => cursor.choose(node),
  }
  const typeAhead = (key: string, now: number): void => {
    word = now - typed > WORD_MS ? key : word + key
    typed = now
    const nodes = cursor.nodes()
    // A new word starts behind the active row, a longer one may still be there.
    const from = cursor.active() + (word.length === 1 ? 1 : 0)
    for (let i = 0; i < nodes.length; i++) {
      const at = (from + i) % nodes.length
      if (!nodes[at]!.label.toLowerCase().startsWith(word)) continue
      cursor.move(at)
      return
    }
  }
  return event => {
    const node = cursor.nodes()[cursor.active()]
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return
    const run = Object.hasOwn(step, event.key) ? step[event.key] : undefined
    if (run) run(cursor.active(), node)
    else if (event.key.length === 1) typeAhead(event.key.toLowerCase(), event.timeStamp)
    else return
    event.preventDefault()
  }
}
