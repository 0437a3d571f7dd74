import { bitsOf, type TensorRow } from '../../shared/model-reader.ts'
import { bitText, byteText, countText, shapeText } from '../../shared/units.ts'
import type { Translate } from '../../shared/viewer-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { element } from '../shared/dom.ts'
import { treeKeys } from './tree-keys.ts'
import type { TensorTree, TreeNode } from './tree-model.ts'
import { virtualRows } from './virtual-rows.ts'

export interface TreeView {
  /** Names of the columns, for the eye. */
  readonly head: HTMLElement
  readonly scroller: HTMLElement
  /** The tree has changed. */
  update(): void
  /** Chooses a tensor, if it is there. */
  select(name: string): void
}

/** Cells of a row, in the order in which they are read out. A unit is for the ear: columns tell it to the eye. */
const cells = ['twisty', 'label', 'encoding', 'countUnit', 'shape', 'bytes', 'bits', 'bitUnit', 'bar'] as const
type Cell = (typeof cells)[number]

/** The tree as the pattern of the same name has it: one stop of the Tab key, and an active row that arrows move. */
export function treeView(tree: TensorTree, t: Translate, onSelect: (tensor: TensorRow) => void): TreeView {
  const scroller = element('div', { role: 'tree', tabindex: 0, class: 'tree', 'aria-label': t('tree') })
  let nodes: TreeNode[] = []
  let active = 0
  let selected: TreeNode | undefined

  const rows = virtualRows(scroller, createRow, (row, index) => {
    const node = nodes[index]!
    fillRow(row, node, t, tree.isOpen(node))
    row.id = `row-${index}`
    row.dataset.index = String(index)
    row.classList.toggle('active', index === active)
    row.setAttribute('aria-selected', String(node === selected))
  })
  const refresh = (): void => {
    const at = nodes[active]
    nodes = tree.visible()
    if (at && nodes[active] !== at) active = Math.max(0, nodes.indexOf(at))
    active = Math.min(active, Math.max(0, nodes.length - 1))
    scroller.hidden = nodes.length === 0
    rows.update(nodes.length)
    point()
  }
  const point = (): void => {
    if (nodes.length > 0 && document.getElementById(`row-${active}`))
      scroller.setAttribute('aria-activedescendant', `row-${active}`)
    else scroller.removeAttribute('aria-activedescendant')
  }
  const move = (index: number): void => {
    active = Math.max(0, Math.min(nodes.length - 1, index))
    rows.reveal(active)
    point()
  }
  const toggle = (node: TreeNode, open: boolean): void => {
    tree.toggle(node, open)
    refresh()
  }
  const choose = (node: TreeNode): void => {
    if (node.tensor) {
      selected = node
      rows.update(nodes.length)
      onSelect(node.tensor)
    } else toggle(node, !tree.isOpen(node))
  }
  const select = (name: string): void => {
    const node = tree.reveal(name)
    refresh()
    const at = node ? nodes.indexOf(node) : -1
    if (at < 0) return
    move(at)
    choose(nodes[at]!)
  }
  scroller.addEventListener('click', event => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[role=treeitem]')
    if (!row) return
    move(Number(row.dataset.index))
    choose(nodes[active]!)
  })
  const keys = treeKeys({
    nodes: () => nodes,
    active: () => active,
    page: rows.page,
    isOpen: tree.isOpen,
    move,
    toggle,
    choose,
  })
  scroller.addEventListener('keydown', keys)
  return { head: headRow(t), scroller, update: refresh, select }
}

function headRow(t: Translate): HTMLElement {
  const names = { label: 'name', encoding: 'type', shape: 'shape', bytes: 'bytes', bits: 'bits' } as const
  const texts = new Map<string, string>(Object.entries(names).map(([cell, key]) => [cell, t(key)]))
  const shown = cells.filter(name => !name.endsWith('Unit'))
  const parts = shown.map(name => element('span', { class: name === 'bar' ? 'end' : name }, texts.get(name) ?? ''))
  return element('div', { class: 'row head', 'aria-hidden': 'true' }, ...parts)
}

function createRow(): HTMLElement {
  const parts = cells.map(name => {
    const hidden = name === 'twisty' || name === 'bar'
    return element('span', { class: name.endsWith('Unit') ? 'unseen' : name, 'aria-hidden': hidden && 'true' })
  })
  parts.at(-1)!.append(element('span', { class: 'filled' }))
  return element('div', { role: 'treeitem', class: 'row' }, ...parts)
}

function fillRow(row: HTMLElement, node: TreeNode, t: Translate, open: boolean): void {
  const { tensor, level, bytes } = node
  const text: Record<Exclude<Cell, 'bar'>, string> = {
    twisty: tensor ? '' : open ? '▾' : '▸',
    label: visibleText(node.label),
    encoding: tensor ? visibleText(tensor.encoding, 40) : countText(node.tensors),
    countUnit: tensor ? '' : t('tensors'),
    shape: tensor ? shapeText(tensor.shape) || t('scalar') : '',
    bytes: byteText(bytes),
    bits: bitText(bitsOf(node)),
    bitUnit: t('bitsPerValue'),
  }
  cells.forEach((name, i) => {
    if (name !== 'bar') row.children[i]!.textContent = text[name]
  })
  const bar = row.lastElementChild!.firstElementChild as HTMLElement
  const { largest } = node.above!
  bar.style.width = `${largest === 0 ? 0 : (100 * bytes) / largest}%`
  row.style.setProperty('--level', String(level - 1))
  row.classList.toggle('folder', !tensor)
  row.setAttribute('aria-level', String(level))
  row.setAttribute('aria-posinset', String(node.position))
  row.setAttribute('aria-setsize', String(node.siblings))
  if (tensor) row.removeAttribute('aria-expanded')
  else row.setAttribute('aria-expanded', String(open))
}
