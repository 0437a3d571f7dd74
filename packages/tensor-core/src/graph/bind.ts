import type { Dim, Node, Shape } from './node.ts'
import { showShape } from './op.ts'

export type Bindings = Map<string, number>

/** Binds the names in a declared shape to an actual one. @throws TypeError when they disagree */
export function bindShape(name: string, declared: Shape, actual: readonly number[], bindings: Bindings): void {
  const wrong = () =>
    new TypeError(`graph input "${name}": expected shape ${showShape(declared)}, got [${actual.join(', ')}]`)
  if (declared.length !== actual.length) throw wrong()
  declared.forEach((dim, i) => {
    const value = typeof dim === 'number' ? dim : (bindings.get(dim) ?? actual[i]!)
    if (value !== actual[i]) throw wrong()
    if (typeof dim === 'string') bindings.set(dim, value)
  })
}

/** The shape with every name replaced by its number; `a+b` is the sum and `a*b` the product. */
export function boundShape(node: Node, bindings: ReadonlyMap<string, number>): number[] {
  return node.shape.map(dim => boundDim(dim, bindings))
}

function boundDim(dim: Dim, bindings: ReadonlyMap<string, number>): number {
  if (typeof dim === 'number') return dim
  const whole = bindings.get(dim)
  if (whole !== undefined) return whole
  return dim.split('+').reduce((sum, term) => {
    const value = term.split('*').reduce((n, part) => n * (bindings.get(part) ?? Number(part)), 1)
    if (Number.isNaN(value)) throw new TypeError(`dimension "${dim}" has no value`)
    return sum + value
  }, 0)
}
