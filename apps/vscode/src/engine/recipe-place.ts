import { findNodeAtLocation, type Node } from 'jsonc-parser'

export interface Span {
  readonly offset: number
  readonly length: number
}

export type Path = readonly (string | number)[]

/** Where the value at a path stands, or the nearest one around it that is there. Large ones are marked by their key alone. */
export function valueSpan(tree: Node, path: Path): Span {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(tree, path.slice(0, length) as (string | number)[])
    if (node && length === path.length && !isLarge(node)) return span(node)
    if (node) return keySpan(node) ?? opening(node)
  }
  return opening(tree)
}

/** Where the key that ends a path stands. */
export function pathKeySpan(tree: Node, path: Path): Span {
  const node = findNodeAtLocation(tree, [...path])
  return (node && keySpan(node)) ?? valueSpan(tree, path)
}

const isLarge = ({ type }: Node): boolean => type === 'object' || type === 'array'
const span = ({ offset, length }: Node): Span => ({ offset, length })

function keySpan({ parent }: Node): Span | undefined {
  const key = parent?.type === 'property' ? parent.children?.[0] : undefined
  return key && span(key)
}

/** The bracket of an object or list that no key names. */
const opening = ({ offset }: Node): Span => ({ offset, length: 1 })
