import type { TensorRow } from '../../shared/model-reader.ts'

/** A folder of the dotted names, or a tensor. */
export interface TreeNode {
  /** A part of the dotted name. */
  readonly name: string
  readonly parent: TreeNode | undefined
  readonly tensor: TensorRow | undefined
  readonly children: TreeNode[]
  readonly folders: Map<string, TreeNode>
  tensors: number
  values: number
  bytes: number
  /** The most bytes of a child: bars are parts of it. */
  largest: number
  sorted: boolean
  open: boolean
  /** The filter that it, or something in it, last matched. */
  matched: number
  /** The filter in which it was closed by hand. */
  closed: number
  /** As it is shown: a folder of one tensor is one line with it. */
  label: string
  /** From 1, and the folder above, as they are shown. */
  level: number
  above: TreeNode | undefined
  /** Among its siblings that are shown. */
  position: number
  siblings: number
}

export interface TensorTree {
  readonly root: TreeNode
  readonly size: number
  add(rows: readonly TensorRow[]): void
  /** @returns tensors that match */
  filter(text: string): number
  /** What is to be seen, from top to bottom. */
  visible(): TreeNode[]
  isOpen(node: TreeNode): boolean
  toggle(node: TreeNode, open: boolean): void
  /** Opens what a tensor is in. @returns its row, if there is such a tensor */
  reveal(name: string): TreeNode | undefined
}

/** Published models have eight; a name of nothing but dots must not become ten thousand folders. */
const MAX_LEVELS = 16

export function tensorTree(): TensorTree {
  const root = newNode('', undefined, undefined)
  const leaves: { readonly node: TreeNode; readonly text: string }[] = []
  let terms: string[] = []
  let filter = 0

  const match = ({ node, text }: (typeof leaves)[number]): boolean => {
    if (!terms.every(term => text.includes(term))) return false
    for (let at: TreeNode | undefined = node; at && at.matched !== filter; at = at.parent) at.matched = filter
    return true
  }
  const isOpen = (node: TreeNode): boolean => (terms.length > 0 ? node.closed !== filter : node.open)
  const toggle = (node: TreeNode, open: boolean): void => {
    if (terms.length > 0) node.closed = open ? 0 : filter
    else node.open = open
  }
  return {
    root,
    get size() {
      return leaves.length
    },
    add(rows) {
      for (const row of rows) {
        const leaf = { node: insert(root, row), text: searched(row) }
        leaves.push(leaf)
        if (terms.length > 0) match(leaf)
      }
      openOnlyChildren(root)
    },
    filter(text) {
      terms = text.toLowerCase().split(/\s+/).filter(Boolean)
      filter++
      return leaves.reduce((count, leaf) => count + (match(leaf) ? 1 : 0), 0)
    },
    visible: () => flatten(root, isOpen, node => terms.length === 0 || node.matched === filter),
    isOpen,
    toggle,
    reveal(name) {
      const found = leaves.find(({ node }) => node.tensor!.name === name)?.node
      for (let at = found?.parent; at; at = at.parent) toggle(at, true)
      return found
    },
  }
}

const searched = ({ name, encoding, shape }: TensorRow): string =>
  `${name} ${encoding} ${shape.join('×')} ${shape.join('x')}`.toLowerCase()

function insert(root: TreeNode, tensor: TensorRow): TreeNode {
  const parts = tensor.name.split('.', MAX_LEVELS)
  const folders = parts.slice(0, -1)
  const taken = folders.reduce((length, part) => length + part.length + 1, 0)
  let at = root
  grow(at, tensor)
  for (const part of folders) {
    let next = at.folders.get(part)
    if (!next) {
      at.folders.set(part, (next = newNode(part, at, undefined)))
      attach(at, next)
    }
    grow(next, tensor)
    at.largest = Math.max(at.largest, next.bytes)
    at = next
  }
  const leaf = newNode(tensor.name.slice(taken), at, tensor)
  grow(leaf, tensor)
  attach(at, leaf)
  at.largest = Math.max(at.largest, tensor.bytes)
  return leaf
}

function attach(parent: TreeNode, child: TreeNode): void {
  parent.children.push(child)
  parent.sorted = false
}

function grow(node: TreeNode, { values, bytes }: TensorRow): void {
  node.tensors++
  node.values += values
  node.bytes += bytes
}

function newNode(name: string, parent: TreeNode | undefined, tensor: TensorRow | undefined): TreeNode {
  return {
    name,
    parent,
    tensor,
    children: [],
    folders: new Map(),
    tensors: 0,
    values: 0,
    bytes: 0,
    largest: 0,
    sorted: true,
    open: false,
    matched: 0,
    closed: 0,
    label: name,
    level: 0,
    above: undefined,
    position: 0,
    siblings: 0,
  }
}

/** A lone folder hides nothing but a click. */
function openOnlyChildren(root: TreeNode): void {
  for (let at = root; at.children.length === 1; at = at.children[0]!) at.children[0]!.open = true
}

function flatten(
  root: TreeNode,
  isOpen: (node: TreeNode) => boolean,
  isShown: (node: TreeNode) => boolean,
): TreeNode[] {
  const out: TreeNode[] = []
  const walk = (parent: TreeNode, level: number): void => {
    if (!parent.sorted) sortBlocks(parent)
    const shown = parent.children.filter(isShown)
    for (const [i, child] of shown.entries()) {
      const node = child.tensors === 1 ? leafOf(child) : child
      node.label = labelFrom(child, node)
      node.level = level
      node.above = parent
      node.position = i + 1
      node.siblings = shown.length
      out.push(node)
      if (!node.tensor && isOpen(node)) walk(node, level + 1)
    }
  }
  walk(root, 1)
  return out
}

function leafOf(node: TreeNode): TreeNode {
  let at = node
  while (!at.tensor) at = at.children[0]!
  return at
}

function labelFrom(top: TreeNode, node: TreeNode): string {
  let label = node.name
  for (let at = node; at !== top; at = at.parent!) label = `${at.parent!.name}.${label}`
  return label
}

/** Blocks come in the order of their numbers, which files that sort by text do not have; all else as in the file. */
function sortBlocks(node: TreeNode): void {
  node.sorted = true
  if (node.children.every(child => /^\d{1,9}$/.test(child.name)))
    node.children.sort((a, b) => Number(a.name) - Number(b.name))
}
